"""Copies of a picture are of one patient, or the tables contradict each other."""

from __future__ import annotations

import shutil
from itertools import permutations

import pytest
from csv_files import table

from monai_rescunet.data import prepare_folder


@pytest.mark.parametrize("order", list(permutations(["", "p1", ""])))
def test_copies_of_a_picture_are_of_one_patient(tmp_path, write, order):
    write("a.png", "d.png")
    names = ("a.png", "b.png", "c.png")
    for copy in names[1:]:
        shutil.copy(tmp_path / "a.png", tmp_path / copy)
    rows = [f"{name},,benign,{case}" for name, case in zip(names, order, strict=True)]
    table(tmp_path / "labels.csv", "image,mask,label,case", *rows, "d.png,,benign,p1")
    report = prepare_folder([tmp_path], strict=True)
    assert {entry["image"]: entry["case"] for entry in report.entries} == dict.fromkeys((*names, "d.png"), "p1")
    assert "2 images are copies of another one, byte for byte, and count as its patient's" in report.notes


def test_copies_of_two_patients_or_classes_are_left_out(tmp_path, write):
    write("benign/a.png", "one/b.png", "one/c.png", "one/e.png")
    copies = {"benign/a.png": "malignant/a.png", "one/b.png": "two/b.png", "one/c.png": "one/d.png"}
    for image, copy in copies.items():
        (tmp_path / copy).parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / image, tmp_path / copy)
    rows = ["one/b.png,1,1,9,9,p1,benign", "two/b.png,1,1,9,9,p2,benign"]
    of_masses = ["one/c.png,1,1,9,9,p3,benign", "one/d.png,11,1,19,9,,malignant"]  # a mass a copy
    table(tmp_path / "boxes.csv", "image,x_min,y_min,x_max,y_max,case,label", *rows, *of_masses)
    report = prepare_folder([tmp_path])
    kept = {(entry["image"], entry["case"]) for entry in report.entries}
    assert kept == {("one/c.png", "p3"), ("one/d.png", "p3"), ("one/e.png", "one/e")}
    first, second = report.problems
    assert (
        first
        == "benign/a.png, malignant/a.png: are one picture, of the classes benign, malignant; none is kept: correct it"
    )
    assert second == "one/b.png, two/b.png: are one picture, of the cases p1, p2; none is kept: correct it"


def test_copies_in_two_folders_are_of_one_patient(tmp_path, write):
    write("one/a.png", "two/b.png")
    shutil.copy(tmp_path / "one/a.png", tmp_path / "two/a.png")
    report = prepare_folder([tmp_path / "one", tmp_path / "two"])
    assert {entry["image"]: entry["case"] for entry in report.entries}["two/a.png"] == "one/a"
