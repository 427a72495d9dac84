"""What is asked of an image changes with where its masses are said to be, and with its files."""

from __future__ import annotations

import os

import pytest

from monai_rescunet.results.asked import asked_of


@pytest.fixture
def entry(tmp_path):
    for name in ("a.png", "mask.png", "rois.xml"):
        (tmp_path / name).write_text("1")
    mass = {
        "mass": 0,
        "label": str(tmp_path / "mask.png"),
        "contour": f"{tmp_path / 'rois.xml'}#0,2",
        "class": "benign",
    }
    return {"image": str(tmp_path / "a.png"), "masses": [mass]}


def test_it_stays_while_nothing_changes_but_what_is_known_of_the_class(entry, tmp_path):
    asked = asked_of(entry, tmp_path)
    entry["masses"][0]["class"] = "malignant"
    assert asked_of(entry, tmp_path) == asked
    assert len(asked) == 16


@pytest.mark.parametrize("name", ["a.png", "mask.png", "rois.xml"])
def test_it_changes_with_each_file(entry, tmp_path, name):
    asked = asked_of(entry, tmp_path)
    os.utime(tmp_path / name, ns=(1, 1))
    assert asked_of(entry, tmp_path) != asked


@pytest.mark.parametrize("place", [{"box": [1, 2, 3, 4]}, {"point": [1, 2]}, {"crop": True}, {"mass": 1}])
def test_it_changes_with_each_place(entry, tmp_path, place):
    asked = asked_of(entry, tmp_path)
    entry["masses"][0] |= place
    assert asked_of(entry, tmp_path) != asked


def test_it_does_not_hang_on_the_folder_of_the_data(entry, tmp_path):
    moved = tmp_path / "moved"
    asked = asked_of(entry, tmp_path)
    moved.mkdir()
    for name in ("a.png", "mask.png", "rois.xml"):
        state = (tmp_path / name).stat()
        (moved / name).write_text("1")
        os.utime(moved / name, ns=(state.st_atime_ns, state.st_mtime_ns))
    mass = {
        key: value.replace(str(tmp_path), str(moved)) if isinstance(value, str) else value
        for key, value in entry["masses"][0].items()
    }
    assert asked_of({"image": str(moved / "a.png"), "masses": [mass]}, moved) == asked
