"""Phantoms in INbreast's layout: DICOM, OsiriX XML and the table, named and written as the collection's are."""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.draw import polygon

from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.files import write_atomically
from monai_rescunet.data.phantoms.crops import PHANTOM_README, check_phantom_folder
from monai_rescunet.data.phantoms.dicom import write_digital_mammogram
from monai_rescunet.data.phantoms.mammogram import PhantomMammogram, draw_nth_mammogram, plate

__all__ = ["make_inbreast_phantoms"]

HEADER = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"
FIRST_ID = 90000001  # the collection's begin with 2 and 5
BIRADS = {BENIGN: ("2", "3"), MALIGNANT: ("4a", "4b", "4c", "5", "6")}
CONTOUR, POINT = 15, 19  # OsiriX's types of region
SPICULE_REACH = 1.6  # a spiculated region goes this much further than its mass


def make_inbreast_phantoms(
    out: str | Path, *, count: int = 12, size: Sequence[int] | None = None, seed: int = 0
) -> list[Path]:
    """Write phantoms as INbreast is distributed.

    Two images of a patient follow one another, CC and MLO of one breast; benign and malignant patients take turns. Of
    six images the second has two masses and the last none; malignant CC views have an `Espiculated Region` round the
    mass, and every third image a cluster of calcifications, each a dot.

    Args:
        out: folder; written are `AllDICOMs`, `AllXML`, `INbreast.csv` and a README.txt that says what they are.
        count: number of images, 20 to 27 MB each at full size.
        size: (columns, rows) of all; without it those of INbreast's two detectors.
        seed: the same seed gives the same files.

    Returns:
        The DICOM files.

    Raises:
        InputError: the folder holds other files than these phantoms, or the size is too small.
    """
    out = Path(out)
    check_phantom_folder(out, "INbreast.csv")
    plate(0, size)
    files, lines = [], [HEADER]
    for index in range(count):
        identifier, patient = str(FIRST_ID + index), index // 2
        phantom, rng = draw_nth_mammogram(
            seed, index, size, masses={1: 2, 5: 0}.get(index % 6, 1), calcified=index % 3 == 0
        )
        birads = str(rng.choice(BIRADS[phantom.masses[0].mass_class])) if phantom.masses else "1"
        token = np.random.default_rng([seed, patient]).bytes(8).hex()
        view = {"MLO": "ML"}.get(phantom.view, phantom.view)
        files.append(out / "AllDICOMs" / f"{identifier}_{token}_MG_{phantom.laterality}_{view}_ANON.dcm")
        write_digital_mammogram(files[-1], phantom, rng)
        rois = _regions(rng, phantom)
        if rois:
            content = {"Images": [{"ImageIndex": 0, "NumberOfROIs": len(rois), "ROIs": rois}]}
            write_atomically(out / "AllXML" / f"{identifier}.xml", plistlib.dumps(content))
        acr = "    " if index % 8 == 7 else f"{1 + patient % 4} "
        lines.append(f"removed;removed;{phantom.laterality};{view};200801;{identifier};{acr};{birads}")
    write_atomically(out / "INbreast.csv", "\n".join(lines) + "\n")
    write_atomically(out / "README.txt", PHANTOM_README)
    return files


def _regions(rng: np.random.Generator, phantom: PhantomMammogram) -> list[dict[str, Any]]:
    """Return a phantom's regions as OsiriX lists them."""
    named: list[tuple[str, np.ndarray]] = []
    for mass in phantom.masses:
        contour = mass.contour
        named.append((str(rng.choice(["Mass", "MASS", "Mass "])), contour))
        if mass.mass_class == MALIGNANT and phantom.view == "CC":
            centre = contour.mean(axis=0)
            named.append(("Espiculated Region", centre + SPICULE_REACH * (contour - centre)))
    named += [("Calcification", np.asarray([speck], dtype=float)) for speck in phantom.specks]
    if phantom.specks:
        named.append(("Point 1", np.asarray(phantom.specks[:1], dtype=float)))
    return [_region(index, name, points, phantom) for index, (name, points) in enumerate(named)]


def _region(index: int, name: str, points: np.ndarray, phantom: PhantomMammogram) -> dict[str, Any]:
    """Return a region with OsiriX's fields: grey levels of its pixels, area in cm2, points in mm and in pixels."""
    dot = len(points) < 3
    x, y = np.rint(points).astype(int).T if dot else polygon(*points.T, shape=phantom.pixels.shape[::-1])
    values = phantom.pixels[y, x].astype(float)
    in_mm = np.column_stack([points * phantom.spacing, np.zeros(len(points))])
    return {
        "Area": 0.0 if dot else len(x) * (phantom.spacing / 10) ** 2,
        "Center": _text(in_mm.mean(axis=0)),
        "Dev": float(values.std()),
        "IndexInImage": index,
        "Max": float(values.max()),
        "Mean": float(values.mean()),
        "Min": float(values.min()),
        "Name": name,
        "NumberOfPoints": len(points),
        "Point_mm": [_text(point) for point in in_mm],
        "Point_px": [_text(point) for point in points],
        "Total": float(values.sum()),
        "Type": POINT if dot else CONTOUR,
    }


def _text(point: np.ndarray) -> str:
    return f"({', '.join(f'{value:f}' for value in point)})"
