from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import (
    describe_entries,
    read_datalist,
    split_by_fold,
    write_datalist,
)


@pytest.fixture
def folder(tmp_path, write_png):
    for name in ("images/a.png", "images/b.png", "masks/a.png"):
        write_png(np.zeros((4, 4), np.uint8), name)
    return tmp_path


def datalist_of(folder, *entries):
    path = folder / "datalist.json"
    path.write_text(json.dumps({"training": list(entries), "testing": []}))
    return path


def test_paths_become_absolute_and_the_rest_stays(folder):
    entry = {
        "image": "images/a.png", "label": "masks/a.png", "class": "benign", "case": "p1", "fold": 1, "mass": 2,
        "box": [0, 1, 2, 3],
    }  # fmt: skip
    (read,) = read_datalist(datalist_of(folder, entry), folder)
    assert read == {
        **entry,
        "image": str(folder / "images/a.png"),
        "label": str(folder / "masks/a.png"),
        "box": [0.0, 1.0, 2.0, 3.0],
    }


def test_masses_of_one_image_follow_one_another(folder):
    path = datalist_of(folder, *({"image": f"images/{name}.png", "mass": i} for i, name in enumerate("abab")))
    assert [entry["mass"] for entry in read_datalist(path, folder)] == [0, 2, 1, 3]


def test_masses_of_an_image_without_numbers_get_the_free_ones_in_their_order(folder):
    given = [("a", {}), ("b", {}), ("a", {"mass": 1}), ("a", {}), ("a", {})]
    entries = [{"image": f"images/{name}.png", "at": at, **mass} for at, (name, mass) in enumerate(given)]
    path = datalist_of(folder, *entries)
    numbers = {entry["at"]: entry["mass"] for entry in read_datalist(path, folder)}
    assert numbers == {0: 0, 1: 0, 2: 1, 3: 2, 4: 3}


def test_two_masses_of_an_image_with_one_number_are_refused(folder):
    entries = [{"image": "images/a.png", "mass": mass} for mass in (0, 1, 1)]
    with pytest.raises(InputError, match=r"entry 2 of 'training': images/a\.png has a mass 1 already; expected"):
        read_datalist(datalist_of(folder, *entries), folder)


def test_several_masks_stay_a_list_and_empty_values_are_dropped(folder):
    entry = {"image": "images/a.png", "label": ["masks/a.png", "masks/a.png"], "box": None}
    (read,) = read_datalist(datalist_of(folder, entry), folder)
    assert len(read["label"]) == 2
    assert set(read) == {"image", "label", "mass"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "images/none.png"}, "there is no file 'images/none.png'"),
        ({"image": "../secret.png"}, "leads outside"),
        ({"image": "/etc/hostname"}, "leads outside"),
        ({"image": 3}, "expected an object with 'image'"),
        ({"label": "masks/b.png"}, "there is no file"),
        ({"class": "cancer"}, "class is 'cancer'; expected benign or malignant"),
        ({"class": []}, r"class is \[\]"),
        ({"image": "a\0.png"}, "cannot be followed"),
        ({"image": "a" * 5000}, "cannot be followed"),
        ({"label": []}, r"label is \[\]; expected a path or a list of paths"),
        ({"label": [3]}, "expected a path or a list of paths"),
        ({"contour": 5}, "contour is '5'; expected FILE.xml#0"),
        ({"contour": "masks/a.png#-1"}, "expected FILE.xml#0"),
        ({"mass": "x"}, "mass is 'x'; expected a whole number"),
        ({"mass": None}, "mass is None"),
        ({"mass": -1}, "mass is -1"),
        ({"fold": True}, "fold is True"),
        ({"fold": -1}, "fold is -1"),
        ({"box": [1, 2, 3]}, "expected 4 numbers"),
        ({"box": [3, 0, 1, 2]}, "min below max"),
        ({"point": ["1", 2]}, "expected 2 numbers"),
        ({"crop": 1}, "crop is 1; expected true or false"),
        ({"finding": "yes"}, "finding is 'yes'; expected mass, none, unsure"),
        ({"finding": "none", "box": [0, 0, 1, 1]}, "finding is none, and the entry has box"),
        ({"case": ["p1"]}, "case is .*expected the patient"),
    ],
)
def test_faults_name_the_datalist_and_the_entry(folder, change, message):
    path = datalist_of(folder, {"image": "images/b.png"}, {"image": "images/a.png", **change})
    with pytest.raises(InputError, match=rf"datalist\.json: entry 1 of 'training': .*{message}"):
        read_datalist(path, folder)


@pytest.mark.parametrize(("content", "message"), [("{", "is no JSON"), ("[]", "has no list"), ("{}", "has no list")])
def test_what_is_no_datalist_is_refused(folder, content, message):
    (folder / "d.json").write_text(content)
    with pytest.raises(InputError, match=rf"d\.json: {message}"):
        read_datalist(folder / "d.json", folder)


def test_training_needs_a_mask_or_contour_of_every_mass(folder):
    entries = {"image": "images/a.png", "label": "masks/a.png"}, {"image": "images/b.png", "box": [0, 1, 2, 3]}
    path = datalist_of(folder, *entries)
    assert len(read_datalist(path, folder)) == 2
    with pytest.raises(InputError, match=r"entry 1 of 'training': images/b\.png has neither mask .label. nor contour"):
        read_datalist(path, folder, masks=True)


def test_images_without_a_mass_are_read_but_not_trained_on(folder):
    entries = {"image": "images/a.png", "label": "masks/a.png"}, {"image": "images/b.png", "finding": "none"}
    path = datalist_of(folder, *entries)
    assert [entry.get("finding") for entry in read_datalist(path, folder)] == [None, "none"]
    assert [entry["image"] for entry in read_datalist(path, folder, masks=True)] == [str(folder / "images/a.png")]
    with pytest.raises(InputError, match="has another entry beside one that finds none"):
        read_datalist(datalist_of(folder, {"image": "images/b.png", "box": [0, 0, 1, 1]}, entries[1]), folder)


def test_a_crop_is_said_to_be_one(folder):
    (read,) = read_datalist(datalist_of(folder, {"image": "images/a.png", "crop": True}), folder)
    assert read["crop"] is True
    assert read["box"] == [0, 0, 4, 4]


@pytest.mark.parametrize(
    ("training", "testing", "message"),
    [
        ([("a", "p1", 0), ("b", "p1", 1)], [], "the case 'p1' stands in fold 0 of 'training' and in fold 1"),
        ([("a", "P01", 0), ("b", "p01 ", 1)], [], "the case 'p01' stands in fold 0"),
        ([("a", "p1", 0)], [("b", "p1", None)], "the case 'p1' stands in fold 0 of 'training' and in 'testing'"),
        ([("a", "p1", None)], [("a", "p2", None)], r"the image 'images/a\.png' stands in 'training' and in 'testing'"),
        ([("a", "p1", 0), ("a", "p2", 1)], [], r"the image 'images/a\.png' stands in fold 0"),
        ([("a", "p1", 0), ("b", "p2", None)], [], "1 of the 2 entries of 'training' have no fold"),
    ],
)
@pytest.mark.parametrize("section", ["training", "testing"])
def test_what_would_be_judged_by_what_was_trained_on_is_refused(folder, training, testing, message, section):
    def entries(rows):
        return [
            {"image": f"images/{image}.png", "case": case} | ({} if fold is None else {"fold": fold})
            for image, case, fold in rows
        ]

    write_datalist(folder / "d.json", entries(training), entries(testing))
    with pytest.raises(InputError, match=rf"d\.json: {message}"):
        read_datalist(folder / "d.json", folder, section)


def test_a_missing_datalist_says_how_to_make_one(folder):
    with pytest.raises(InputError, match=r"none\.json.*monai-rescunet prepare"):
        read_datalist(folder / "none.json", folder)


def test_what_is_written_is_read(folder):
    entries = [{"image": "images/a.png", "class": "benign", "case": "a", "mass": 0, "fold": 0}]
    tested = [{"image": "images/b.png", "class": "malignant", "case": "b", "mass": 0}]
    write_datalist(folder / "out" / "d.json", entries, tested)
    for section, (entry,) in (("training", entries), ("testing", tested)):
        (read,) = read_datalist(folder / "out" / "d.json", folder, section)
        assert {**read, "image": entry["image"]} == entry


def test_entries_are_described_alike_wherever_their_folder_lies(tmp_path):
    def told(folder, name="a.png", **others):
        entry = {"image": f"{folder}/{name}", "label": [f"{folder}/m.png"], "contour": f"{folder}/x.xml#0,2", **others}
        return describe_entries([entry, {"image": f"{folder}/b.png"}], folder)

    here = told(tmp_path / "here")
    assert here.startswith("2 masses, SHA-256 ")
    assert told(tmp_path / "there", case="p1", fold=2) == here
    others = [{"label": f"{tmp_path}/n.png", "class": "benign"}]
    assert (
        len({here, told(tmp_path, name="c.png"), told(tmp_path, box=[0, 0, 9, 9]), told(tmp_path, others=others)}) == 4
    )


ENTRIES = [{"image": str(index), "fold": index % 3} for index in range(6)]


@pytest.mark.parametrize("fold", [1, "1"])
def test_a_fold_is_held_out(fold):
    train, held_out = split_by_fold(ENTRIES, fold)
    assert [entry["image"] for entry in held_out] == ["1", "4"]
    assert len(train) == 4


def test_none_trains_on_everything_and_all_holds_everything_out():
    assert split_by_fold(ENTRIES, "none") == (ENTRIES, [])
    assert split_by_fold(ENTRIES, "all") == ([], ENTRIES)


@pytest.mark.parametrize("fold", [3, "x", -1])
def test_an_unknown_fold_names_those_there_are(fold):
    with pytest.raises(InputError, match=r"the datalist has \[0, 1, 2\]"):
        split_by_fold(ENTRIES, fold)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entry=st.dictionaries(
        st.sampled_from(["image", "label", "contour", "box", "point", "class", "fold", "mass", "case"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("images/a.png"),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
            max_leaves=5,
        ),
    )
)
def test_any_json_for_an_entry_is_read_or_refused_as_bad_input(folder, entry):
    try:
        (read,) = read_datalist(datalist_of(folder, {"image": "images/a.png", **entry}), folder)
    except InputError as error:
        assert "datalist.json" in str(error)
    else:
        assert read["image"] == str(folder / "images/a.png")


@pytest.mark.parametrize("content", ["image,mask,label\n", "{}", '{"training": [], "name": "Decathlon"}', "[]"])
def test_a_file_that_is_no_datalist_of_ours_is_not_written_over(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"labels\.csv: is there already and is no datalist of prepare"):
        write_datalist(path, [])
    assert path.read_text() == content


def test_a_datalist_is_written_over(tmp_path):
    for entries in ([], [{"image": "a.png"}]):
        write_datalist(tmp_path / "d.json", entries)
    assert json.loads((tmp_path / "d.json").read_text())["training"] == [{"image": "a.png"}]
