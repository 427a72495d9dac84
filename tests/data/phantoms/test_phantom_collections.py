"""Phantoms in the layouts of INbreast and CBIS-DDSM."""

from __future__ import annotations

import plistlib
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from monai.transforms import Compose, LoadImaged

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import (
    DrawContourd,
    MammogramReader,
    make_cbis_ddsm_phantoms,
    make_inbreast_phantoms,
    make_phantoms,
    prepare_inbreast,
    read_datalist,
    write_datalist,
)
from monai_rescunet.data.phantoms.mammogram import PLATES, draw_mammogram, plate

SIZE = (400, 500)  # columns, rows
ROI_FIELDS = set(
    "Area Center Dev IndexInImage Max Mean Min Name NumberOfPoints Point_mm Point_px Total Type".split()
)  # as OsiriX writes them


@pytest.fixture(scope="module")
def inbreast(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inbreast")
    make_inbreast_phantoms(folder, size=SIZE)
    return folder


@pytest.fixture(scope="module")
def cbis_ddsm(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cbis_ddsm")
    make_cbis_ddsm_phantoms(folder, count=4, size=SIZE)
    return folder


def rois(inbreast: Path) -> list[list[dict]]:
    return [plistlib.loads(path.read_bytes())["Images"][0]["ROIs"] for path in sorted(inbreast.glob("AllXML/*.xml"))]


def test_inbreast_phantoms_are_prepared_whole(inbreast):
    report = prepare_inbreast(inbreast, strict=True)
    assert report.problems == []
    assert len(report.entries) == 12
    assert {entry["fold"] for entry in report.entries} == {0, 1, 2}
    masses = pd.Series([entry["image"] for entry in report.entries]).value_counts()
    assert sorted(masses) == [1] * 8 + [2] * 2, "some images have two masses"
    assert len(list(inbreast.glob("AllDICOMs/*.dcm"))) == 12, "and some none"


def test_inbreast_files_are_named_as_the_collection_names_them(inbreast):
    for path in inbreast.glob("AllDICOMs/*"):
        assert re.fullmatch(r"\d{8}_[0-9a-f]{16}_MG_[LR]_(CC|ML)_ANON\.dcm", path.name)
    header, *lines = (inbreast / "INbreast.csv").read_text().splitlines()
    assert header == "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"
    assert len(lines) == 12
    assert any(line.split(";")[6] == "    " for line in lines)


def test_inbreast_xml_has_what_osirix_writes(inbreast):
    listed = [roi for image in rois(inbreast) for roi in image]
    assert {roi["Name"].strip().lower() for roi in listed} == {
        "mass", "espiculated region", "calcification", "point 1",
    }  # fmt: skip
    for roi in listed:
        assert set(roi) == ROI_FIELDS
        assert roi["NumberOfPoints"] == len(roi["Point_px"]) == len(roi["Point_mm"])
        assert roi["Type"] == (19 if roi["NumberOfPoints"] == 1 else 15)
        x, y = (float(v) for v in roi["Point_px"][0].strip("()").split(","))
        x_mm, _, _ = (float(v) for v in roi["Point_mm"][0].strip("()").split(","))
        assert 0 <= x < SIZE[0]
        assert 0 <= y < SIZE[1]
        assert x_mm == pytest.approx(x * 0.07 * PLATES[0][1] / SIZE[1], rel=1e-3)


def test_a_mass_is_where_its_contour_is_drawn_and_bright(inbreast, tmp_path):
    datalist = tmp_path / "datalist.json"
    write_datalist(datalist, prepare_inbreast(inbreast).entries)
    load = Compose(
        [LoadImaged("image", reader=MammogramReader(), ensure_channel_first=True), DrawContourd("label")]
    )  # of all the image's masses
    for entry in read_datalist(datalist, inbreast):
        loaded = load(entry)
        image, mask = (loaded[key].numpy()[0] for key in ("image", "label"))
        x_min, y_min, x_max, y_max = (int(v) for v in entry["box"])
        inside = image[x_min:x_max, y_min:y_max][mask[x_min:x_max, y_min:y_max] > 0]
        assert inside.mean() > 1.2 * np.median(image[image > 0])
        assert (image == 0).mean() > 0.2, "air"


@pytest.mark.parametrize("laterality", ["L", "R"])
@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_the_chest_wall_is_on_the_side_of_the_laterality(laterality, view):
    phantom = draw_mammogram(np.random.default_rng(3), SIZE, 0.57, laterality=laterality, view=view, masses=["benign"])
    at_wall, opposite = (phantom.pixels[:, column] > 0 for column in ((0, -1) if laterality == "L" else (-1, 0)))
    assert at_wall.mean() > 0.6
    assert not opposite.any()
    assert at_wall[0] == (view == "MLO"), "the pectoral muscle reaches the upper edge"


def test_full_size_is_that_of_the_collections_detectors():
    assert {plate(index, None) for index in range(12)} == {((3328, 4084), 0.07), ((2560, 3328), 0.07)}


def test_mammogram_has_14_bits_and_the_spacing_of_its_size(inbreast):
    for path in inbreast.glob("AllDICOMs/*"):
        dataset = pydicom.dcmread(path)
        assert (dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit) == (16, 14, 13)
        assert (dataset.Columns, dataset.Rows) == SIZE
        assert dataset.pixel_array.max() < 2**14
        assert dataset.ImagerPixelSpacing[0] * SIZE[1] == pytest.approx(0.07 * 4084, rel=1e-3)
        assert dataset.PatientID == "removed"
        assert dataset.PatientName == ""


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_every_file_is_valid_dicom(inbreast, cbis_ddsm):
    for path in [*inbreast.rglob("*.dcm"), *cbis_ddsm.rglob("*.dcm")]:
        told = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
        assert not [line for line in told.splitlines() if line.startswith("Error")], told


def test_cbis_ddsm_table_has_the_faults_of_the_real_one(cbis_ddsm):
    table = pd.read_csv(cbis_ddsm / "mass_case_description_train_set.csv")
    assert len(table) == 5
    assert table["ROI mask file path"].str.endswith("000001.dcm\n").all()
    swapped = []
    for _, row in table.iterrows():
        full, crop, mask = (
            pydicom.dcmread(cbis_ddsm / row[f"{name} file path"].strip())
            for name in ("image", "cropped image", "ROI mask")
        )
        swapped.append(mask.BitsAllocated == 16)
        mask, crop = (crop, mask) if swapped[-1] else (mask, crop)
        assert mask.pixel_array.shape == full.pixel_array.shape == SIZE[::-1]
        assert set(np.unique(mask.pixel_array)) == {0, 255}
        assert crop.pixel_array[0].tobytes() in full.pixel_array.tobytes(), "the crop is cut from the mammogram"
    assert swapped == [False, False, True, False, False]


def test_cbis_ddsm_columns_are_those_of_the_real_table(cbis_ddsm, real_data):
    name = "mass_case_description_train_set.csv"
    written, published = (pd.read_csv(folder / name, nrows=5) for folder in (cbis_ddsm, real_data / "cbis_ddsm_csv"))
    assert list(written.columns) == list(published.columns)


def test_cbis_ddsm_patients_are_in_one_half_of_the_split(cbis_ddsm):
    train, test = (pd.read_csv(cbis_ddsm / f"mass_case_description_{part}_set.csv") for part in ("train", "test"))
    assert not set(train.patient_id) & set(test.patient_id)
    assert set(train.pathology.str[:6]) == set(test.pathology.str[:6]) == {"BENIGN", "MALIGN"}


@pytest.mark.parametrize("make", [make_inbreast_phantoms, make_cbis_ddsm_phantoms])
def test_a_seed_gives_the_same_files(make, tmp_path):
    contents = []
    for name in ("one", "two"):
        make(tmp_path / name, count=1, size=(320, 330), seed=5)
        contents.append(
            {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        )
    assert contents[0] == contents[1]


@pytest.mark.parametrize("make", [make_inbreast_phantoms, make_cbis_ddsm_phantoms])
def test_other_folders_are_left_alone(make, tmp_path):
    (tmp_path / "INbreast.csv").write_text("the real one")
    with pytest.raises(InputError, match="holds no phantoms of this layout"):
        make(tmp_path, size=SIZE)
    make_phantoms(tmp_path / "folder", count=1, size=(100, 100))
    with pytest.raises(InputError, match="holds no phantoms of this layout"):
        make(tmp_path / "folder", size=SIZE)


@pytest.mark.parametrize("make", [make_inbreast_phantoms, make_cbis_ddsm_phantoms])
def test_too_small_a_size_is_refused_before_anything_is_written(make, tmp_path):
    with pytest.raises(InputError, match="at least 320"):
        make(tmp_path / "out", size=(100, 100))
    assert not (tmp_path / "out").exists()
