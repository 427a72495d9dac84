"""INbreast's table as CSV, as XLS, and as both."""

from __future__ import annotations

import sys

import pytest
import xlrd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inbreast_files import Collection, circle, write_xls

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import prepare_inbreast
from monai_rescunet.data.collections.tables import read_xls_rows

MASS = ("Mass", circle(60, 80, 20))
BIRADS = ("2", "4a", "3", "5", "2", "6")
IMAGES = range(30000000, 30000006)


@pytest.fixture
def collection(tmp_path) -> Collection:
    made = Collection(tmp_path / "INbreast")
    for index, (identifier, birads) in enumerate(zip(IMAGES, BIRADS, strict=True)):
        made.add(identifier, index, birads, MASS, view=("CC", "ML")[index % 2], acr=("2 ", "    ")[index % 2])
    made.close()
    return made


def test_the_xls_alone_says_what_the_csv_says(collection):
    expected = prepare_inbreast(collection.root)
    write_xls(collection.root)
    (collection.root / "INbreast.csv").unlink()
    report = prepare_inbreast(collection.root, strict=True)
    assert report.entries == expected.entries
    assert report.problems == []


def test_of_both_the_csv_counts_and_the_xls_tells_which_images_are_marked(collection):
    collection.add(30000099, 9, "4b")
    collection.close()
    write_xls(collection.root, marked=[*IMAGES[:3], 30000099])
    report = prepare_inbreast(collection.root, strict=True)
    assert len(report.entries) == 6
    assert (
        "images marked Mass in INbreast.xls: 2 benign, 2 malignant; 1 of them have no such contour, and 3 images with "
        "one are not marked"
    ) in report.summary()


def test_an_image_of_which_the_tables_say_different_things_is_left_out(collection):
    write_xls(collection.root, {"30000001": "2"})
    report = prepare_inbreast(collection.root)
    assert len(report.entries) == 5
    (problem,) = report.problems
    assert problem.endswith("INbreast.csv row 3: Bi-Rads is '4a' and in INbreast.xls row 3 '2': correct one of them")
    with pytest.raises(InputError, match="Bi-Rads is '4a'"):
        prepare_inbreast(collection.root, strict=True)


def test_an_image_that_one_of_the_tables_lacks_is_told(collection):
    write_xls(collection.root)
    last = collection.rows.pop()
    collection.rows.append("removed;removed;L;CC;201001;30000099;2;1")
    collection.close()
    problems = "\n".join(prepare_inbreast(collection.root).problems)
    assert f"row 7: the image {last.split(';')[5]} stands in no row of INbreast.csv" in problems
    assert "INbreast.xls: the image 30000099 of INbreast.csv stands in no row" in problems


def test_only_the_first_sheet_is_read(collection, monkeypatch):
    """A second sheet can hold personal data."""
    read = []
    get_sheet = xlrd.book.Book.get_sheet
    monkeypatch.setattr(
        xlrd.book.Book,
        "get_sheet",
        lambda book, number, *a, **k: read.append(number) or get_sheet(book, number, *a, **k),
    )
    read_xls_rows(write_xls(collection.root), ["File Name"])
    assert read == [0]


def test_without_xlrd_the_csv_is_enough_and_the_xls_alone_is_refused_with_the_command(collection, monkeypatch):
    write_xls(collection.root)
    monkeypatch.setitem(sys.modules, "xlrd", None)
    monkeypatch.setattr("monai_rescunet.data.collections.inbreast_table.find_spec", lambda name: None)
    report = prepare_inbreast(collection.root, strict=True)
    assert len(report.entries) == 6
    assert "INbreast.xls was not compared with INbreast.csv: pip install 'monai-rescunet[inbreast]'" in report.summary()
    (collection.root / "INbreast.csv").unlink()
    with pytest.raises(
        InputError, match=r"INbreast\.xls: reading it needs xlrd: pip install 'monai-rescunet\[inbreast\]'"
    ):
        prepare_inbreast(collection.root)


def test_a_damaged_xls_is_told_beside_a_csv_and_refused_alone(collection):
    path = write_xls(collection.root)
    path.write_bytes(path.read_bytes()[:3000])
    report = prepare_inbreast(collection.root)
    assert len(report.entries) == 6
    assert "cannot be read as an Excel workbook" in report.problems[0]
    (collection.root / "INbreast.csv").unlink()
    with pytest.raises(InputError, match="cannot be read as an Excel workbook"):
        prepare_inbreast(collection.root)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10000), value=st.binary(min_size=1, max_size=8))
def test_a_workbook_with_damaged_bytes_is_read_or_refused_by_name(collection, position, value):
    path = write_xls(collection.root)
    content = bytearray(path.read_bytes())
    position %= len(content)
    content[position : position + len(value)] = value
    path.write_bytes(content)
    try:
        read_xls_rows(path, ["File Name", "Bi-Rads"])
    except InputError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
