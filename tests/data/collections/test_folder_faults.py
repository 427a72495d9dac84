"""Folders that do not say what they seem to: nothing is read silently wrong."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from csv_files import table
from dicom_files import write_mammogram
from PIL import PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.result_names import COLUMNS, DICOM_MANUFACTURER, RESULT_MARK
from monai_rescunet.data import prepare_folder

PICTURE = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
MASK = np.zeros((20, 30), np.uint8)
MASK[5:12, 8:20] = 255


def masks_of(report):
    return {entry["image"]: entry.get("label") for entry in report.entries}


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("imagesTr/a.nii.gz", "labelsTr/a.nii.gz"),
        ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"),
        ("images/a.png", "labels/a.png"),
        ("images/train/a.png", "labels/train/a.png"),
        ("a.png", "labels/final/a.png"),
        ("img/a.png", "GT/a.png"),
        ("images/a.png", "ground_truth/a_gt.png"),
        ("images/a.png", "seg/a_seg.png"),
        ("a.png", "annotations/a.png"),
        ("a.png", "a_seg.png"),
        ("a.png", "a-gt.png"),
        ("a.png", "a_segmentation_1.png"),
        ("images/a.png", "masks/a_label.png"),
    ],
)
def test_usual_names_of_masks_are_known(tmp_path, write, image, mask):
    write(image)
    write(mask, array=MASK)
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {image: mask}
    assert report.problems == []


def test_training_and_testing_folders_of_one_name_are_told_apart(tmp_path, write):
    write("imagesTr/a.png", "imagesTs/a.png")
    write("labelsTr/a.png", array=MASK)
    assert masks_of(prepare_folder([tmp_path])) == {"imagesTr/a.png": "labelsTr/a.png", "imagesTs/a.png": None}


@pytest.mark.parametrize("mask", ["truth/a.png", "images/a-drawn.png", "images/amask.png", "images/a.tif"])
def test_what_looks_like_a_mask_is_no_mammogram_and_its_image_is_not_taken_alone(tmp_path, write, mask):
    write("images/a.png", "images/b.png")
    write(mask, array=MASK)
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {"images/b.png": None}
    assert "has 2 grey level(s) and the name of" in report.problems[0]


def test_pictures_of_one_name_in_two_folders_are_pictures(tmp_path, write):
    write("benign/1.png", "malignant/1.png", "malignant/1_2.png")
    assert len(prepare_folder([tmp_path]).entries) == 3


def test_masks_in_two_places_are_asked_about(tmp_path, write):
    write("images/a.png", "images/b.png")
    write("masks/a.png", "labels/a.png", array=MASK)
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {"images/b.png": None}
    assert "has masks in the folders labels and masks; expected one of them" in report.problems[0]


CLAIMED = [
    (["a.png,m.png", "b.png,m.png", "c.png,"], "m.png: is a mask of a.png and a mask of b.png"),
    (["a.png,a.png", "c.png,"], "a.png: is a mask of a.png and the image a.png"),
    (["a.png,b.png", "b.png,m.png", "c.png,"], "b.png: is a mask of a.png and the image b.png"),
    (["a.png,m.png", "link.png,", "c.png,"], "a.png: is the image a.png and the image link.png"),
    (["a.png,m.png", "b.png,n.png", "c.png,"], "m.png: is a mask of a.png and a mask of b.png"),
]


@pytest.mark.parametrize(("rows", "problem"), CLAIMED)
def test_a_file_claimed_twice_is_kept_for_nobody(tmp_path, write, rows, problem):
    write("a.png", "b.png", "c.png")
    write("m.png", array=MASK)
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "n.png").symlink_to("m.png")
    table(tmp_path / "labels.csv", "image,mask,label", *(f"{row},benign" for row in rows))
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {"c.png": None}
    assert report.problems == [f"{tmp_path}/{problem}; expected one of them, and none is kept: correct it"]


def test_two_images_that_share_a_mask_by_its_name_are_both_left_out(tmp_path, write):
    write("x.png", "x.jpg", "y.png")
    write("x_mask.png", array=MASK)
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {"y.png": None}
    assert "x_mask.png: is a mask of x.jpg and a mask of x.png" in report.problems[0]


def mark(text=RESULT_MARK):
    info = PngImagePlugin.PngInfo()
    info.add_text("Description", text)
    return info


def test_results_are_never_read_as_mammograms_wherever_they_lie(tmp_path, write):
    write("benign/a.png", "malignant/b.png")
    write("benign/results/a_label.png", "benign/results/a_overlay.png", pnginfo=mark())
    write("old/a_label.png", "old/a_overlay.png")
    table(tmp_path / "old/results.csv", ",".join(COLUMNS))
    for name in ("seg", "sr", "sc"):
        path = tmp_path / "dicom" / f"a_{name}.dcm"
        path.parent.mkdir(exist_ok=True)
        write_mammogram(path, PICTURE.astype(np.uint16), Manufacturer=DICOM_MANUFACTURER)
    write("labels/original/a.png", array=MASK)
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {"benign/a.png": None, "malignant/b.png": None}
    assert report.problems == []
    assert "passed over as no mammograms: result of predict 8" in report.summary()


def test_files_of_an_export_on_cd_are_passed_over_with_a_word(tmp_path):
    write_mammogram(tmp_path / "IM0001", PICTURE.astype(np.uint16))
    for name, modality, rows in (("SR1", "SR", None), ("PR1", "PR", None), ("SEG1", "SEG", 20)):
        write_mammogram(tmp_path / name, PICTURE.astype(np.uint16), Modality=modality, Rows=rows)
    directory = Dataset()
    directory.file_meta = FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.FileSetID = "CD"
    directory.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    (tmp_path / "viewer.exe").write_bytes(b"MZ")
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {"IM0001": None}
    assert report.problems == []
    assert "DICOM PR 1, DICOM SEG 1, DICOM SR 1, DICOMDIR 1" in report.summary()
    assert ".exe 1" in report.summary()


def test_nothing_but_such_files_is_said_in_one_line(tmp_path):
    write_mammogram(tmp_path / "SR1", PICTURE.astype(np.uint16), Modality="SR", Rows=None)
    with pytest.raises(InputError, match=r"no usable image; expected images"):
        prepare_folder([tmp_path])


UNREADABLE = {
    "empty.png": (b"", "it is empty"),
    "cut.png": (b"\x89PNG\r\n", "it is none of the known formats, or cut off"),
    "pointer.dcm": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git"),
    "image.mha": (b"ObjectType = Image\n", "a MetaImage (.mha), which is not read"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_cannot_be_read_are_named_with_the_reason(tmp_path, write, name):
    content, reason = UNREADABLE[name]
    write("a.png")
    (tmp_path / name).write_bytes(content)
    (problem,) = prepare_folder([tmp_path]).problems
    assert problem.startswith(f"{tmp_path / name}: ")
    assert reason in problem


def test_a_dicom_file_without_pixels_is_named(tmp_path, write):
    write("a.png")
    write_mammogram(tmp_path / "b.dcm", PICTURE.astype(np.uint16), Rows=None)
    assert f"{tmp_path / 'b.dcm'}: is DICOM of modality 'MG' without an image" in prepare_folder([tmp_path]).problems[0]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n"], ids=["empty", "cut"])
@pytest.mark.parametrize("mask", ["masks/a.png", "images/a_mask.png"])
def test_an_image_whose_mask_cannot_be_read_is_not_taken_without_it(tmp_path, write, mask, content):
    write("images/a.png", "images/b.png")
    (tmp_path / mask).parent.mkdir(exist_ok=True)
    (tmp_path / mask).write_bytes(content)
    table(tmp_path / "boxes.csv", "image,x_min,y_min,x_max,y_max", "images/a.png,1,1,9,9")
    report = prepare_folder([tmp_path])
    assert masks_of(report) == {"images/b.png": None}
    assert f"images/a.png: its mask {mask} cannot be read, and so it is left out" in report.problems[1]
    assert "images/a.png is left out already, and so is its box" in report.problems[2]


def test_cases_that_differ_in_their_spelling_alone_are_asked_about(tmp_path, write):
    write(*(f"{name}.png" for name in "abcdef"))
    cases = dict(zip("abcdef", ("P01", "p01", "P 1", "P1.02", "P1.2", "P10"), strict=True))
    table(tmp_path / "labels.csv", "image,mask,label,case", *(f"{name}.png,,benign,{cases[name]}" for name in "abcdef"))
    report = prepare_folder([tmp_path])
    assert [entry["case"] for entry in report.entries] == ["P1.02", "P1.2", "P10"]
    assert "the cases 'P 1', 'P01', 'p01': differ in upper and lower case, spaces or zeros" in report.problems[0]


def test_an_image_in_folders_of_both_classes_is_left_out(tmp_path, write):
    write("benign/malignant/a.png", "benign/b.png")
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["benign/b.png"]
    assert "lies in folders of two classes, benign and malignant" in report.problems[0]


def test_boxes_of_annotation_programs_are_told(tmp_path, write):
    write("a.png")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "notes.txt").write_text("no boxes")
    (tmp_path / "other.json").write_text(json.dumps({"training": []}))
    (problem,) = prepare_folder([tmp_path]).problems
    assert problem.startswith(
        f"{tmp_path / 'a.txt'}: has boxes as YOLO writes them, which are not read: write boxes.csv"
    )


def test_crops_say_that_they_are_crops(tmp_path, write):
    write("whole/a.png", "crops/b.png")
    report = prepare_folder([tmp_path / "whole", tmp_path / "crops"], crops=[tmp_path / "crops"])
    assert [entry.get("crop") for entry in report.entries] == [None, True]
    assert report.entries[1]["box"] == [0, 0, 30, 20]


def test_a_folder_given_by_a_link_keeps_the_name_of_the_link(tmp_path, write):
    write("SMITH_JOHN/a.png", "SMITH_JOHN/empty.png")
    (tmp_path / "SMITH_JOHN" / "empty.png").write_bytes(b"")
    (tmp_path / "study").symlink_to("SMITH_JOHN")
    report = prepare_folder([tmp_path / "study"])
    assert report.dataset_dir == tmp_path / "study"
    assert "SMITH" not in f"{report.summary()} {report.problems} {report.entries}"


@pytest.mark.parametrize("kind", ["dicom", "nifti", "no geometry"])
def test_a_mask_whose_columns_are_the_images_rows_is_taken_where_both_headers_say_so(write, tmp_path, kind):
    across = np.eye(4)[:, [1, 0, 2, 3]]
    if kind == "dicom":
        for name, pixels, axes in (("images", PICTURE, [1, 0, 0, 0, 1, 0]), ("masks", MASK.T, [0, 1, 0, 1, 0, 0])):
            plane = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": axes}
            write_mammogram(tmp_path / name / "a.dcm", pixels.astype(np.uint16), bits=8, **plane)
    else:
        write("images/a.nii.gz" if kind == "nifti" else "images/a.png")
        (tmp_path / "masks").mkdir()
        nibabel.save(nibabel.Nifti1Image(MASK, across), tmp_path / "masks" / "a.nii.gz")
    if kind == "no geometry":
        with pytest.raises(InputError, match=r"the mask a\.nii\.gz has \(20, 30\) pixels and the image \(30, 20\)"):
            prepare_folder([tmp_path])
        return
    report = prepare_folder([tmp_path])
    assert report.problems == []
    assert "label" in report.entries[0]


def test_numbered_images_are_no_masks_of_one_another(tmp_path, write_png):
    grey = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
    for name, pixels in (("1.png", grey), ("10.png", grey // 128 * 100)):
        write_png(pixels, name)
    assert len(prepare_folder([tmp_path]).entries) == 2
