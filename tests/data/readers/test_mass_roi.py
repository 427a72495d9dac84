from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from dicom_files import write_mammogram
from inbreast_files import circle, write_xml
from monai.transforms import Compose, LoadImaged
from PIL import Image
from pydicom.uid import RLELossless

from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.data import DrawContourd, LoadMassROId, MammogramReader, PaintOtherMassesd
from monai_rescunet.data.readers.dicom import MappedMammogram
from monai_rescunet.transforms import CropMassROId, ToLabelMapd

SIZE = (150, 180)  # columns, rows
PIXELS = np.random.default_rng(0).integers(0, 4096, SIZE[::-1]).astype(np.uint16)


def one_after_the_other(**roi) -> Compose:
    keys = ["image", "label"]
    return Compose(
        [
            LoadImaged(keys, reader=MammogramReader(), ensure_channel_first=True, allow_missing_keys=True),
            DrawContourd("label"),
            ToLabelMapd("label"),
            PaintOtherMassesd("label"),
            CropMassROId(keys, ["bilinear", "nearest"], **roi),
        ]
    )


def entry(folder: Path, box=(40, 60, 81, 101), **attributes) -> dict:
    """Return an image with two masses, one of which the box is round."""
    image = write_mammogram(folder / "image.dcm", PIXELS, ImagerPixelSpacing=[0.1, 0.1], **attributes)
    xml = write_xml(folder / "image.xml", ("Mass", circle(60, 80, 20)), ("Mass", circle(100, 90, 30)))
    return {"image": str(image), "contour": f"{xml}#0,1", "class": "malignant", "box": list(box), "mass": 0}


def assert_same(one: dict, other: dict) -> None:
    for key in ("image", "label"):
        assert one[key].dtype == other[key].dtype
        assert torch.equal(one[key].as_tensor(), other[key].as_tensor())
    assert one["roi"] == other["roi"]
    assert one["image"].meta["spacing_source"] == other["image"].meta["spacing_source"]


@pytest.fixture
def only_the_region_is_read(monkeypatch):
    """Fail where a whole mammogram is loaded."""

    def refuse(*args, **kwargs):
        raise AssertionError("the whole mammogram was read")

    monkeypatch.setattr(pydicom.Dataset, "pixel_array", property(refuse))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "roi",
    [
        {"roi_mode": "fitted", "roi_context": 1.25, "extent": 1.4, "roi_size": 32},
        {"roi_mode": "scaled", "roi_context": 2, "roi_size": 48},
        {"roi_mode": "window", "window_size": [12.0, 64], "roi_size": 32, "box_jitter": 0.1},
        {"roi_mode": "window", "window_size": 400, "extent": 1.4, "roi_size": 32},
    ],
    ids=lambda roi: roi["roi_mode"],
)
@pytest.mark.parametrize("box", [(40, 60, 81, 101), (0, 0, 50, 90), (95, 85, 120, 110), (120, 160, 150, 180)])
def test_result_is_that_of_the_five_transforms(tmp_path, photometric, roi, box):
    data = entry(tmp_path, box, PhotometricInterpretation=photometric)
    assert_same(LoadMassROId(**roi)(data), one_after_the_other(**roi)(data))


def test_a_point_does_as_well(tmp_path):
    data = entry(tmp_path) | {"box": None, "point": [60.0, 80.0]}
    roi = {"roi_mode": "window", "window_size": 64, "roi_size": 32}
    assert_same(LoadMassROId(**roi)(data), one_after_the_other(**roi)(data))


def test_no_more_than_the_region_is_read(tmp_path, only_the_region_is_read):
    loaded = LoadMassROId(roi_size=32)(entry(tmp_path))
    assert set(loaded["label"].unique().tolist()) == {0, 2}


def test_other_files_are_read_whole(tmp_path):
    """Compressed and signed pixels, another format, a mask in a file, no box."""
    load, slowly = LoadMassROId(roi_size=32), one_after_the_other(roi_size=32)
    data = entry(tmp_path)
    dataset = pydicom.dcmread(data["image"])
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(tmp_path / "rle.dcm")
    write_mammogram(tmp_path / "signed.dcm", PIXELS.astype(np.int16) - 2048)
    Image.fromarray(PIXELS).save(tmp_path / "image.png")
    mask = np.zeros(PIXELS.shape, dtype=np.uint8)
    mask[60:101, 40:81] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for changed in (
        {"image": str(tmp_path / "rle.dcm")},
        {"image": str(tmp_path / "signed.dcm")},
        {"image": str(tmp_path / "image.png")},
        {"contour": None, "label": str(tmp_path / "mask.png")},
        {"box": None},
    ):
        each = {key: value for key, value in (data | changed).items() if value is not None}
        assert_same(load(each), slowly(each))


def test_a_file_cut_off_is_named(tmp_path):
    data = entry(tmp_path)
    path = Path(data["image"])
    path.write_bytes(path.read_bytes()[:-5000])
    assert MappedMammogram.open(path) is None
    with pytest.raises(RuntimeError) as raised:  # as MONAI wraps what a transform raises
        LoadMassROId(roi_size=32)(data)
    assert "image.dcm" in str(input_error_behind(raised.value))


def test_a_box_outside_the_image_is_named(tmp_path):
    with pytest.raises(InputError, match=r"image\.dcm: .*box"):
        LoadMassROId(roi_size=32)(entry(tmp_path, (500, 500, 600, 600)))


def test_bytes_of_odd_number_are_mapped_in_the_right_place(tmp_path):
    pixels = np.arange(35, dtype=np.uint8).reshape(5, 7)
    path = write_mammogram(tmp_path / "small.dcm", pixels, BitsAllocated=8, bits=8, PixelData=pixels.tobytes() + b"\0")
    mapped = MappedMammogram.open(path)
    assert mapped.size == (7, 5)
    assert np.array_equal(mapped.read(slice(2, 5), slice(1, 4)), pixels.T[2:5, 1:4])
