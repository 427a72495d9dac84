"""CBIS-DDSM in both layouts, with the faults of its tables."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dicom_files import write_mammogram
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.transforms import Compose, LoadImaged
from PIL import Image
from pydicom import dcmread

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import (
    MammogramReader,
    make_cbis_ddsm_phantoms,
    prepare_cbis_ddsm,
    read_datalist,
    write_datalist,
)
from monai_rescunet.transforms import ToLabelMapd

TRAIN, TEST = (f"mass_case_description_{part}_set.csv" for part in ("train", "test"))
MASK = "ROI mask file path"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cbis")
    make_cbis_ddsm_phantoms(folder, count=12, size=(320, 400))
    return folder


@pytest.fixture
def collection(phantoms, tmp_path) -> Path:
    return Path(shutil.copytree(phantoms, tmp_path / "cbis"))


def change(folder: Path, row: int, **cells: str) -> None:
    """Change cells of a row of the training table; spaces of column names are underscores."""
    table = pd.read_csv(folder / TRAIN, dtype=str)
    for column, value in cells.items():
        table.loc[row, column.replace("_", " ") if column not in table else column] = value
    table.to_csv(folder / TRAIN, index=False)


def test_each_row_is_a_mass_with_its_findings(phantoms):
    report = prepare_cbis_ddsm(phantoms, strict=True)
    table = pd.read_csv(phantoms / TRAIN)
    assert len(report.entries) == len(table)
    first, row = report.entries[0], table.iloc[0]
    assert first["class"] == "benign"
    assert (first["case"], first["view"], first["shape"]) == (row["patient_id"], row["image view"], row["mass shape"])
    assert first["density"] == str(row["breast_density"])
    assert Counter(entry["class"] for entry in report.entries) == {
        "malignant": (table.pathology == "MALIGNANT").sum(),
        "benign": table.pathology.isin(["BENIGN", "BENIGN_WITHOUT_CALLBACK"]).sum(),
    }


def test_masses_of_one_image_are_counted_from_zero(phantoms):
    entries = prepare_cbis_ddsm(phantoms).entries
    images = Counter(entry["image"] for entry in entries)
    assert set(images.values()) == {1, 2}
    for image, count in images.items():
        assert [entry["mass"] for entry in entries if entry["image"] == image] == list(range(count))


def test_the_published_split_is_kept_and_folds_are_by_patient(phantoms, tmp_path):
    report = prepare_cbis_ddsm(phantoms)
    assert len(report.testing) == len(pd.read_csv(phantoms / TEST))
    assert not {entry["case"] for entry in report.entries} & {entry["case"] for entry in report.testing}
    folds = pd.DataFrame(report.entries).groupby("case").fold.nunique()
    assert (folds == 1).all()
    write_datalist(tmp_path / "datalist.json", report.entries, report.testing)
    assert len(read_datalist(tmp_path / "datalist.json", phantoms)) == len(report.entries)
    assert "kept aside for testing: 5 masses" in report.summary()


def test_the_mask_is_found_whatever_the_table_calls_it(phantoms):
    """In every third row crop and mask have changed places."""
    load = Compose(
        [LoadImaged(["image", "label"], reader=MammogramReader(), ensure_channel_first=True), ToLabelMapd("label")]
    )
    for entry in prepare_cbis_ddsm(phantoms).entries:
        paths = {key: str(phantoms / entry[key]) for key in ("image", "label")}
        loaded = load({**paths, "class": entry["class"]})
        assert loaded["label"].shape == loaded["image"].shape
        inside = loaded["label"].as_tensor() > 0
        assert 0 < float(inside.float().mean()) < 0.2
        assert set(loaded["label"].unique().tolist()) == {0, {"benign": 1, "malignant": 2}[entry["class"]]}


LAYOUTS = {
    "the archive's program, descriptive names": (
        "manifest-1/CBIS-DDSM/{patient}/08-07-2016-NA-{study}/1.000000-ROI mask images-{series}/1-{number}.dcm"
    ),
    "the archive's program, classic names": "manifest-1/CBIS-DDSM/{patient}/{study_uid}/{series_uid}/1-{number}.dcm",
    "one folder deeper": "downloads/manifest-1/CBIS-DDSM/{patient}/{study_uid}/{series_uid}/1-{number}.dcm",
    "idc-index": "cbis_ddsm/{patient}/{study_uid}/MG_{series_uid}/{instance}.dcm",
    "idc-index without folders": "{instance}.dcm",
    "series by series from the archive's interface": "tciaDownload/{series_uid}/1-{number}.dcm",
}


def move_into(layout: str, folder: Path) -> None:
    """Move the files of a collection to where another program puts them, with a licence beside them."""
    for path in sorted(folder.rglob("*.dcm")):
        patient, study_uid, series_uid, name = path.relative_to(folder).parts
        target = folder / LAYOUTS[layout].format(
            patient=patient, study_uid=study_uid, series_uid=series_uid, study=study_uid[-4:], series=series_uid[-4:],
            number=int(name[:6]) + 1, instance=dcmread(path).SOPInstanceUID[-30:],
        )  # fmt: skip
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        (target.parent / "LICENSE").write_text("CC BY 3.0")
    for patient in folder.glob("Mass-*"):
        shutil.rmtree(patient)


def pairs(folder: Path) -> list[tuple[str, ...]]:
    """Return class and case of each mass, and which files are its image and mask, whatever they are called."""
    report = prepare_cbis_ddsm(folder, strict=True)
    return [
        (e["class"], e["case"], *(str(dcmread(folder / e[key]).SOPInstanceUID) for key in ("image", "label")))
        for e in report.entries + report.testing
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whatever_program_downloaded_it_the_same_files_are_found(collection, phantoms, layout):
    move_into(layout, collection)
    assert pairs(collection) == pairs(phantoms)


def test_a_damaged_file_among_those_without_folders_is_named_once_and_the_others_are_found(collection):
    expected = pairs(collection)
    move_into("series by series from the archive's interface", collection)
    damaged = collection / "tciaDownload" / "damaged.dcm"
    damaged.write_bytes(b"\0" * 128 + b"DICM" + b"\x10\x00\x20\x00XX\x04\x00abcd")
    report = prepare_cbis_ddsm(collection)
    assert len(report.entries + report.testing) == len(expected)
    assert [problem for problem in report.problems if "damaged.dcm" in problem] == report.problems
    assert len(report.problems) == 1


def test_pictures_without_their_folders_and_masks_saved_with_loss_are_refused(collection):
    """A much copied conversion of the collection is JPEG in folders that are named by the series."""
    label = collection / prepare_cbis_ddsm(collection).entries[0]["label"]
    for path in label.parent.glob("*.dcm"):
        Image.fromarray(dcmread(path).pixel_array.astype(np.uint8)).save(path.with_suffix(".jpg"))
        path.unlink()
    with pytest.raises(InputError, match=r"\.jpg is JPEG, which blurs its border; expected DICOM or PNG"):
        prepare_cbis_ddsm(collection, strict=True)
    label.parent.rename(collection / label.parent.name)
    with pytest.raises(InputError, match=r"row 2: the images of Mass-Training_P_00001_LEFT_CC_1 are not there"):
        prepare_cbis_ddsm(collection, strict=True)


def test_of_two_downloads_in_one_folder_neither_is_chosen(collection):
    shutil.copytree(
        collection / "Mass-Training_P_00001_LEFT_CC", collection / "again" / "Mass-Training_P_00001_LEFT_CC"
    )
    with pytest.raises(InputError, match=r"2 files can be the mammogram.*expected one: remove the others of"):
        prepare_cbis_ddsm(collection, strict=True)


def test_patients_in_both_halves_are_kept_for_testing_alone_and_a_missing_table_is_told(collection):
    before = prepare_cbis_ddsm(collection)
    table = pd.read_csv(collection / TEST, dtype=str)
    table.replace("P_00007", "P_00001", regex=True).to_csv(collection / TEST, index=False)
    for folder in collection.glob("Mass-Test_P_00007*"):
        folder.rename(folder.with_name(folder.name.replace("P_00007", "P_00001")))
    report = prepare_cbis_ddsm(collection)
    assert report.problems == ["P_00001: is a patient of both tables; only the masses of the test table are kept"]
    assert {entry["case"] for entry in report.entries} == {entry["case"] for entry in before.entries} - {"P_00001"}
    assert "P_00001" in {entry["case"] for entry in report.testing}
    (collection / TEST).unlink()
    assert f"{TEST} is not there" in prepare_cbis_ddsm(collection).summary()


def test_a_mask_of_another_size_leaves_its_row_out(collection):
    entry = prepare_cbis_ddsm(collection).entries[0]
    write_mammogram(collection / entry["label"], np.zeros((180, 150), np.uint16))
    report = prepare_cbis_ddsm(collection)
    assert entry["label"] not in {other["label"] for other in report.entries}
    (problem,) = report.problems
    assert "row 2" in problem
    assert "(150, 180)" in problem
    assert "expected (320, 400)" in problem
    with pytest.raises(InputError, match="cannot be laid over"):
        prepare_cbis_ddsm(collection, strict=True)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"pathology": "UNKNOWN"}, "pathology is 'UNKNOWN'; expected MALIGNANT, BENIGN"),
        ({"pathology": ""}, "the column 'pathology' is blank"),
        ({"image_file_path": "../outside/a/b/000000.dcm"}, "leads outside the collection"),
        ({"image_file_path": "Mass-Training_P_99999_LEFT_CC/a/b/000000.dcm"}, "expected Mass-Training_P_00001_LEFT_CC"),
        (
            {"patient_id": "P_77777"},
            "the images of Mass-Training_P_77777_LEFT_CC are not there|expected Mass-Training_P_77777",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_the_others_are_kept(collection, cells, message):
    whole = len(prepare_cbis_ddsm(collection).entries)
    change(collection, 0, **cells)
    report = prepare_cbis_ddsm(collection)
    assert len(report.entries) == whole - 1
    with pytest.raises(InputError, match=rf"{TRAIN} row 2: .*({message})"):
        prepare_cbis_ddsm(collection, strict=True)


def test_a_row_that_stands_twice_is_kept_once(collection):
    table = pd.read_csv(collection / TRAIN, dtype=str)
    pd.concat([table, table.iloc[:1]]).to_csv(collection / TRAIN, index=False)
    report = prepare_cbis_ddsm(collection)
    assert len(report.entries) == len(table)
    assert "stands in two rows" in report.problems[0]


def test_a_folder_without_tables_or_a_table_without_a_column_is_refused(collection, tmp_path):
    with pytest.raises(InputError, match="has neither mass_case_description_train_set"):
        prepare_cbis_ddsm(tmp_path)
    pd.read_csv(collection / TRAIN, dtype=str).drop(columns="pathology").to_csv(collection / TRAIN, index=False)
    with pytest.raises(InputError, match=f"{TRAIN}: has no column pathology"):
        prepare_cbis_ddsm(collection)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400))
def test_any_bytes_for_a_table_are_refused_as_bad_input(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("fuzzed")
    (folder / TRAIN).write_bytes(content)
    with pytest.raises(InputError):
        prepare_cbis_ddsm(folder)


def test_the_published_table_is_read_whole(real_data, tmp_path):
    """Every row of it, with files of a few pixels in the place of its own."""
    table = real_data / "cbis_ddsm_csv" / TRAIN
    shutil.copy(table, tmp_path)
    write_mammogram(tmp_path / "film.dcm", np.zeros((8, 6), np.uint16))
    write_mammogram(tmp_path / "crop.dcm", np.zeros((4, 4), np.uint16))
    for _, row in pd.read_csv(table).iterrows():
        image, crop = (tmp_path / row[f"{name} file path"].strip() for name in ("image", "cropped image"))
        mask = tmp_path / row[MASK].strip()
        for path, source in ((image, "film"), (mask, "film"), (crop, "crop")):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                os.link(tmp_path / f"{source}.dcm", path)
    report = prepare_cbis_ddsm(tmp_path)
    assert report.problems == []
    assert len(report.entries) == 1318
    assert len({entry["case"] for entry in report.entries}) == 691
    assert Counter(entry["class"] for entry in report.entries) == {"malignant": 637, "benign": 681}
