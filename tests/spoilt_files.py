"""Collections and files, and the ways in which they are spoilt."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dicom_files import mammogram_dataset, write_mammogram
from inbreast_files import Collection, circle, write_xls, write_xml
from PIL import Image
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless, RLELossless

PIXELS = np.random.default_rng(0).integers(100, 4000, (120, 100)).astype(np.uint16)  # rows, columns


def make_inbreast(root: Path) -> None:
    """Make an INbreast of seven images, the last of which, 20000006, is to be spoilt."""
    collection = Collection(root)
    for index in range(7):
        collection.add(20000000 + index, index, "25"[index % 2], ("Mass", circle(60, 70, 20)))
    collection.close()


def xml(content: bytes) -> Callable[[Path], object]:
    return lambda root: (root / "AllXML" / "20000006.xml").write_bytes(content)


def rois(*regions: tuple[str, list[tuple[float, float]]]) -> Callable[[Path], object]:
    return lambda root: write_xml(root / "AllXML" / "20000006.xml", *regions)


def table(change: Callable[[pd.DataFrame], pd.DataFrame], name: str = "labels.csv") -> Callable[[Path], object]:
    """Change a table."""
    return lambda data: change(pd.read_csv(data / name, dtype=str)).to_csv(data / name, index=False)


def cell(column: str, value: str, name: str = "labels.csv") -> Callable[[Path], object]:
    """Change a cell of the first row of a table."""
    return table(lambda rows: rows.assign(**{column: [value, *rows[column][1:]]}), name)


def twice(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows[:1]])


def contradicting_xls(root: Path) -> None:
    """Write an INbreast.xls that says BI-RADS 6 of the last image, and otherwise what the CSV says."""
    write_xls(root, {"20000006": "6"})


def small_cbis_mask(root: Path) -> None:
    """Give the first mass a mask of another size; its crop has another one too."""
    for path in (root / "Mass-Training_P_00001_LEFT_CC_1").rglob("000001.dcm"):
        write_mammogram(path, PIXELS)


def mask(value: int, size: tuple[int, int] = (90, 100)) -> Callable[[Path], object]:
    return lambda path: Image.new("L", size, value).save(path)


def compressed(path: Path) -> None:
    dataset = mammogram_dataset(PIXELS)
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.compress(RLELossless, PIXELS)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless  # what lies in it is no JPEG 2000
    dataset.save_as(path, enforce_file_format=True)


def deep_colours(path: Path) -> None:
    """Write a PNG of 16 bits a channel, which Pillow cannot."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 100, 120, 16, 2, 0, 0, 0)
    rows = zlib.compress(bytes(120 * (1 + 100 * 6)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def cut_table(path: Path) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "US", [0, 1, 2])
    write_mammogram(path, PIXELS, VOILUTSequence=[item])


def full_disk(path: Path) -> None:
    """Mount a disk without room."""
    path.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", path], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a full disk needs the right to mount one: {error}")
    with pytest.raises(OSError, match="No space left"):
        (path / "full").write_bytes(bytes(1 << 20))


def without_table(data: Path) -> None:
    (data / "labels.csv").unlink()


def box_in_fractions(data: Path) -> None:
    """Leave the images, and a table with one box, of the first of them."""
    without_table(data)
    shutil.rmtree(data / "masks")
    (data / "boxes.csv").write_text("image,x_min,y_min,x_max,y_max\nimages/phantom_000.png,0.1,0.1,0.5,0.6\n")


def contradicting_boxes(data: Path) -> None:
    """Give the first image, which labels.csv calls benign, a box of a malignant mass."""
    row = "images/phantom_000.png,30,30,60,60,malignant"
    (data / "boxes.csv").write_text(f"image,x_min,y_min,x_max,y_max,label\n{row}\n")


def empty_mask_file(data: Path) -> None:
    without_table(data)
    (data / "masks" / "phantom_000.png").write_bytes(b"")


def masks_under_another_name(data: Path) -> None:
    without_table(data)
    (data / "truth").mkdir()
    (data / "masks" / "phantom_000.png").rename(data / "truth" / "phantom_000.png")


def discs(inside: Sequence[int], outside: int) -> Callable[[Path], object]:
    """Write a mask of a disc, or of two side by side."""

    def write(path: Path) -> None:
        pixels = np.full((100, 90), outside, np.uint8)
        y, x = np.mgrid[:100, :90]
        for place, value in enumerate(inside):
            pixels[(x - 25 - 40 * place) ** 2 + (y - 50) ** 2 < 200] = value
        Image.fromarray(pixels).save(path)

    return write


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "b">]><plist version="1.0"><dict>&a;</dict></plist>'
CBIS_TABLE = "mass_case_description_train_set.csv"
STAR = [(60 + 30 * np.sin(4 * np.pi * k / 5), 70 - 30 * np.cos(4 * np.pi * k / 5)) for k in range(5)]
