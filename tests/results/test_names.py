"""Names of results: told apart, of a length that file systems take, and the same in any order."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monai_rescunet.results.names import choose_stems


def test_an_image_has_its_own_stem():
    assert choose_stems(["x/a.png", "x/b.dcm", "1.2.840.1"], {}) == {
        "x/a.png": "a",
        "x/b.dcm": "b",
        "1.2.840.1": "1.2.840.1",
    }


def test_images_of_one_stem_are_told_by_their_folders():
    stems = choose_stems(["left/a.png", "right/a.png", "c.png"], {})
    assert stems == {"left/a.png": "left__a", "right/a.png": "right__a", "c.png": "c"}


def test_a_hash_tells_apart_what_folders_do_not():
    stems = choose_stems(["x/a.png", "x/a.jpg", "x/A.tif"], {})
    assert all(stem.casefold().startswith("x__a_") for stem in stems.values())
    assert len({stem.casefold() for stem in stems.values()}) == 3


def test_long_names_are_cut_and_told_by_a_hash():
    uids = "/".join("1.3.6.1.4.1.9590.100.1.2." + str(number) * 39 for number in range(2))
    images = [f"Mass-Training_P_0000{number}_LEFT_CC/{uids}/{'ä' * 60}.dcm" for number in range(3)]
    for stem in choose_stems(images, {}).values():
        assert len(f".{stem}_label.nii.gz.01234567".encode()) <= 255


def test_an_image_keeps_the_name_it_has_and_takes_none_from_another():
    stems = choose_stems(["right/a.png", "left/a.png"], {"left/a.png": "a"})
    assert stems["left/a.png"] == "a"
    assert stems["right/a.png"] == "right__a"
    assert choose_stems(["a.png"], {"left/a.png": "a"})["a.png"].startswith("a_")


parts = st.sampled_from(["a", "A", "b", "a__b", "..", "x" * 120, "é" * 90, "c.png"])
names = st.lists(parts, min_size=1, max_size=4).map(lambda some: str(Path(*some, "f.png")))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(names, unique=True, max_size=6))
def test_names_differ_whatever_the_images_are_called_and_do_not_hang_on_their_order(images):
    stems = choose_stems(images, {})
    assert len({stem.casefold() for stem in stems.values()}) == len(images)
    assert all("/" not in stem and len(stem.encode()) <= 200 for stem in stems.values())
    assert choose_stems(images[::-1], {}) == stems
