"""Folders in each form, and each of their faults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from csv_files import table
from dicom_files import write_mammogram

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import prepare_folder

GREY = np.full((20, 30), 90, np.uint8)


def test_labels_csv(tmp_path, write):
    write("images/a.png", "images/b.png", "masks/a.png")
    table(tmp_path / "labels.csv", "image,mask,label,case,age", "images/a.png,masks/a.png, Malignant ,p1,60",
        "images/b.png,,benign,,61")  # fmt: skip
    report = prepare_folder([tmp_path])
    assert report.problems == []
    assert report.entries == [
        {"image": "images/a.png", "class": "malignant", "case": "p1", "label": "masks/a.png", "mass": 0},
        {"image": "images/b.png", "class": "benign", "case": "images/b", "mass": 0},
    ]


def test_a_file_is_the_same_however_a_row_spells_it_and_files_of_one_name_are_not(tmp_path, write):
    write("one/1.png", "two/1.png", "mask.png")
    spelled = ("one/1.png,mask.png", "./two/../one/1.png,./mask.png", f"{tmp_path}/one/1.png,mask.png")
    table(
        tmp_path / "labels.csv", "image,mask,label", *(f"{paths},benign" for paths in spelled), "two/1.png,,malignant"
    )
    report = prepare_folder([tmp_path])
    assert [(entry["image"], entry["case"]) for entry in report.entries] == [
        ("one/1.png", "one/1"),
        ("two/1.png", "two/1"),
    ]
    assert report.problems == ["one/1.png: stands in two rows; the first is kept"] * 2


@pytest.mark.parametrize(
    ("rows", "problem", "kept"),
    [
        (["a.png,m.png,benign,", "a.png,m.png,malignant,", "a.png,n.png,benign,"],
         "stands in rows that call one mass benign, malignant; none is kept", 1),
        (["a.png,m.png,benign,p1", "a.png,n.png,benign,p2"], "stands in rows of the cases p1, p2; expected one", 0),
        (["a.png,m.png,benign,", "a.png,,malignant,"], "stands in a row without a mask beside one with it", 1),
    ],
)  # fmt: skip
def test_rows_that_contradict_each_other_are_told_and_none_is_believed(tmp_path, write, rows, problem, kept):
    write("a.png", "b.png", "m.png", "n.png")
    table(tmp_path / "labels.csv", "image,mask,label,case", *rows, "b.png,,benign,")
    report = prepare_folder([tmp_path])
    assert len(report.entries) == 1 + kept
    assert problem in report.problems[0]
    with pytest.raises(InputError, match=problem):
        prepare_folder([tmp_path], strict=True)


@pytest.mark.parametrize("with_table", [True, False])
def test_links_that_lead_outside_or_nowhere_are_left_out_and_told(tmp_path, write, with_table):
    write("data/a.png", "outside.png")
    data = tmp_path / "data"
    (data / "b.png").symlink_to(tmp_path / "outside.png")
    (data / "c.png").symlink_to(data / "c.png")
    (data / "d").symlink_to(data)
    if with_table:
        table(data / "labels.csv", "image,mask,label", *(f"{name}.png,,benign" for name in "abc"), "a\0.png,,benign")
    report = prepare_folder([data])
    assert [entry["image"] for entry in report.entries] == ["a.png"]
    problems = "\n".join(report.problems)
    assert "'b.png' leads outside" in problems
    assert (f"{data / 'd'}: is a link to a folder, which is not followed" in problems) != with_table
    assert ("'c.png' cannot be followed" in problems) == with_table
    assert ("cannot be followed (embedded null byte)" in problems) == with_table


def test_results_beside_their_image_are_no_mammograms_and_told(tmp_path, write):
    write("a.png", "a_label.png", "a_overlay.png", "b_label.png", "c/a_overlay.png")
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["a.png", "b_label.png", "c/a_overlay.png"]
    assert report.problems == [
        f"{tmp_path / name}: is taken for a result of `predict` on a, not for a mammogram{remedy}"
        for name, remedy in (("a_label.png", "; if it is its mask, call it a_mask"), ("a_overlay.png", ""))
    ]


@pytest.mark.parametrize("header", ["image,mask,label,case", "Image,MASK, Label , Case "])
def test_patients_are_known_however_the_header_is_spelled(tmp_path, write, header):
    write("a.png", "b.png")
    table(tmp_path / "labels.csv", header, "a.png,,benign,p1", "b.png,,benign,p1")
    table(tmp_path / "boxes.csv", "Image,X_min,y_min,x_max,y_max,Case", "a.png,1,2,10,12,p1")
    report = prepare_folder([tmp_path])
    assert [entry["case"] for entry in report.entries] == ["p1", "p1"]
    assert "a patient of their own" not in report.summary()


def test_images_without_a_case_are_said_to_count_as_patients(tmp_path, write):
    write("a.png", "b.png", "c.png")
    table(
        tmp_path / "labels.csv", "image,mask,label,case", *(f"{name}.png,,benign," for name in "ab"), "c.png,,benign,p1"
    )
    assert "2 images count as a patient of their own each" in prepare_folder([tmp_path]).summary()


def test_class_folders_with_masks_beside_and_in_a_folder(tmp_path, write):
    write("benign/a.png", "benign/a_mask.png", "benign/a_mask_1.png", "malignant/images/c.png", "malignant/masks/c.png")
    write("malignant/images/c1.png")
    entries = {entry["image"]: entry for entry in prepare_folder([tmp_path]).entries}
    assert set(entries) == {"benign/a.png", "malignant/images/c.png", "malignant/images/c1.png"}
    assert entries["benign/a.png"]["label"] == ["benign/a_mask.png", "benign/a_mask_1.png"]
    assert entries["malignant/images/c.png"]["label"] == "malignant/masks/c.png"
    assert "label" not in entries["malignant/images/c1.png"]
    assert [entry["class"] for entry in entries.values()].count("benign") == 1


def test_masks_in_folders_of_their_own_are_found_however_they_are_spelled(tmp_path, write):
    write("images/benign/a.png", "masks/benign/a.png", "images/malignant/a.png", "masks/malignant/a_mask.png")
    write("Images/c.png", "Masks/c.png", "d.png", "d_Mask.png")
    report = prepare_folder([tmp_path])
    assert report.problems == []
    assert {entry["image"]: entry["label"] for entry in report.entries} == {
        "images/benign/a.png": "masks/benign/a.png",
        "images/malignant/a.png": "masks/malignant/a_mask.png",
        "Images/c.png": "Masks/c.png",
        "d.png": "d_Mask.png",
    }


def test_names_with_dots_keep_their_own_masks_and_cases(tmp_path, write):
    write("P1.png", "P1.L.png", "masks/P1.png", "masks/P1.L.png", "masks/1.2.840.0.png", "masks/1.2.840.1.png")
    for uid in ("1.2.840.0", "1.2.840.1"):
        write_mammogram(tmp_path / uid, GREY.astype(np.uint16))
    report = prepare_folder([tmp_path])
    assert {entry["case"]: entry["label"] for entry in report.entries} == {
        case: f"masks/{case}.png" for case in ("P1", "P1.L", "1.2.840.0", "1.2.840.1")
    }


def test_a_mask_that_no_image_claims_is_told(tmp_path, write):
    write("a.png", "masks/a.png", "masks/b.png")
    (problem,) = prepare_folder([tmp_path]).problems
    assert problem == f"{tmp_path / 'masks' / 'b.png'}: is a mask, and there is no image b that it belongs to"


def test_boxes_of_an_image_with_several_listed_masses_are_not_guessed_at(tmp_path, write):
    write("a.png", "m1.png", "m2.png")
    table(tmp_path / "labels.csv", "image,mask,label", "a.png,m1.png,benign", "a.png,m2.png,malignant")
    table(tmp_path / "boxes.csv", "image,x_min,y_min,x_max,y_max", "a.png,1,2,10,12", "a.png,11,2,20,12")
    report = prepare_folder([tmp_path])
    assert [(entry["label"], entry["class"]) for entry in report.entries] == [
        ("m1.png", "benign"),
        ("m2.png", "malignant"),
    ]
    assert len(report.problems) == 2
    assert "has 2 rows in labels.csv, and a box does not say which" in report.problems[0]


def test_folders_within_each_other_are_refused(tmp_path, write):
    write("a.png", "extra/a.png")
    for roots in ([tmp_path, tmp_path / "extra"], [tmp_path, tmp_path]):
        with pytest.raises(InputError, match="stands twice, or lies in another of the folders"):
            prepare_folder(roots)


def test_boxes_are_masses_of_their_image(tmp_path, write):
    write("a.png", "b.png")
    table(tmp_path / "boxes.csv", "image,x_min,y_min,x_max,y_max", "a.png,1,2,10,12", "a.png,11,2,20,12.5")
    entries = prepare_folder([tmp_path]).entries
    assert [(e["image"], e["mass"], e.get("box")) for e in entries] == [
        ("a.png", 0, [1, 2, 10, 12]),
        ("a.png", 1, [11, 2, 20, 12.5]),
        ("b.png", 0, None),
    ]


def test_images_alone_by_content(tmp_path, write):
    write("a.png", "deep/b.png", ".hidden.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    write_mammogram(tmp_path / "c", GREY.astype(np.uint16))
    (tmp_path / "notes.txt").write_text("hello")
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["a.jpg", "c", "deep/b.png"]
    assert "the finder 3" in report.summary()
    assert not any("fold" in entry for entry in report.entries)


def test_folds_group_by_case(tmp_path, write):
    names = [f"images/{index:02d}.png" for index in range(18)]
    write(*names)
    rows = [f"{name},,{'benign' if i % 4 < 2 else 'malignant'},p{i // 2}" for i, name in enumerate(names)]
    table(tmp_path / "labels.csv", "image,mask,label,case", *rows)
    report = prepare_folder([tmp_path])
    folds = pd.DataFrame(report.entries).groupby("case").fold.nunique()
    assert (folds == 1).all()
    assert "fold 2: " in report.summary()


def test_cases_of_two_folders_do_not_mix(tmp_path, write):
    for folder in ("one", "two"):
        write(f"{folder}/a.png", f"{folder}/b.png", f"{folder}/b_mask.png")
    report = prepare_folder([tmp_path / "one", tmp_path / "two"])
    assert report.dataset_dir == tmp_path
    assert {entry["case"] for entry in report.entries} == {"one/a", "one/b", "two/a", "two/b"}
    assert report.entries[3] == {
        "image": "two/b.png",
        "case": "two/b",
        "label": "two/b_mask.png",
        "mass": 0,
        "collection": "two",
    }


def test_nothing_usable_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no usable image"):
        prepare_folder([tmp_path])
    with pytest.raises(InputError, match="there is no such folder"):
        prepare_folder([tmp_path / "none"])


def test_a_folder_of_crops_has_whole_images_as_regions(tmp_path, write):
    write("one/malignant/a.png", "one/malignant/a_mask.png", "two/benign/b.png", "two/benign/b_mask.png")
    report = prepare_folder([tmp_path / "one", tmp_path / "two"], crops=[tmp_path / "two"])
    assert [entry.get("box") for entry in report.entries] == [None, [0, 0, 30, 20]]
    with pytest.raises(InputError, match=r"three: is none of the folders to prepare"):
        prepare_folder([tmp_path / "one"], crops=[tmp_path / "three"])


def test_real_collections(real_data):
    report = prepare_folder([real_data / "mammo_masses", real_data / "cbis_mass_crops"])
    assert report.problems == []
    assert "946 masses in 946 images of 589 cases: 500 benign, 446 malignant" in report.summary()
