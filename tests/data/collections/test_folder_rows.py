"""Rows of tables that are faulty, each by itself: the good ones stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from csv_files import table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import prepare_folder

FAULTS = [
    ("none.png,,benign", "there is no file 'none.png'"),
    ("../out.png,,benign", "leads outside"),
    ("a.png,none.png,benign", "there is no file 'none.png'"),
    ("a.png,,cyst", "label is 'cyst'; expected benign or malignant"),
    ("a.png,,", "label is ''"),
    (",,benign", "the image is blank"),
    ("text.png,,benign", "'text.png' is no image"),
    ("a.png,small.png,benign", r"the mask small.png has \(5, 4\) pixels and the image \(30, 20\)"),
    ("good.png,,benign", "stands in two rows"),
]


@pytest.mark.parametrize(("row", "message"), FAULTS)
def test_a_faulty_row_is_named_and_the_good_ones_stay(tmp_path, write, row, message):
    write("a.png", "good.png")
    write("small.png", array=np.zeros((4, 5), np.uint8))
    (tmp_path / "text.png").write_text("no image")
    (tmp_path.parent / "out.png").write_bytes((tmp_path / "a.png").read_bytes())
    table(tmp_path / "labels.csv", "image,mask,label", "good.png,,benign", row)
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["good.png"]
    (problem,) = report.problems
    with pytest.raises(InputError, match=message) as raised:
        prepare_folder([tmp_path], strict=True)
    assert str(raised.value) == problem


@pytest.mark.parametrize("name", ["labels.csv", "boxes.csv"])
def test_separators_of_windows_are_read(tmp_path, write, name):
    write("img/a.png", "img/b.png")
    rows = [r"img\a.png,1,2,9,12,benign", r"img\b.png,1,2,9,12,malignant"]
    table(tmp_path / name, "image,x_min,y_min,x_max,y_max,label", *rows)
    report = prepare_folder([tmp_path])
    assert not report.problems
    assert [(entry["image"], entry["class"]) for entry in report.entries] == [
        ("img/a.png", "benign"),
        ("img/b.png", "malignant"),
    ]


def test_an_image_of_a_row_left_out_is_not_taken_for_one_that_nobody_looked_at(tmp_path, write):
    write("img/a.png", "img/b.png")
    rows = [r"elsewhere\a.png,1,2,9,12,benign", r"img\b.png,1,2,9,12,malignant"]
    table(tmp_path / "boxes.csv", "image,x_min,y_min,x_max,y_max,label", *rows)
    report = prepare_folder([tmp_path])
    assert [entry["image"] for entry in report.entries] == ["img/b.png"]
    assert len(report.problems) == 2
    assert report.problems[1] == "img/a.png: is left out too: a row that cannot be used may mean it"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.png,1,2,x,12", "not four numbers"),
        ("a.png,100,2,200,12", "outside the image of 30 columns and 20 rows"),
        ("a.png,5,5,5,9", "min below max"),
    ],
)
def test_a_faulty_box_is_named_with_its_row(tmp_path, write, row, message):
    write("a.png")
    table(tmp_path / "boxes.csv", "image,x_min,y_min,x_max,y_max", row, "a.png,1,1,9,9")
    report = prepare_folder([tmp_path])
    assert [entry["box"] for entry in report.entries] == [[1, 1, 9, 9]]
    assert message in report.problems[0]
    assert "boxes.csv row 2" in report.problems[0]


def test_a_missing_column_names_what_is_there(tmp_path, write):
    table(tmp_path / "labels.csv", "image,label", "a.png,benign")
    with pytest.raises(InputError, match=r"labels\.csv: has no column mask; found image, label"):
        prepare_folder([tmp_path])


cells = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells, cells), max_size=4))
def test_any_table_gives_entries_or_says_what_is_wrong(tmp_path, rows):
    """Whatever stands in the cells."""
    path = tmp_path / "labels.csv"
    pd.DataFrame([*rows], columns=["image", "mask", "label"]).to_csv(path, index=False)
    try:
        report = prepare_folder([tmp_path])
    except InputError:
        return
    assert all((tmp_path / entry["image"]).is_file() for entry in report.entries)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_as_a_table_give_entries_or_an_input_error(tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(InputError):
        prepare_folder([tmp_path])
