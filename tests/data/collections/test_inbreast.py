from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from bundle_runs import run_bundle
from inbreast_files import SIZE, Collection, circle, small_inbreast
from monai.transforms import LoadImaged

from monai_rescunet.core.errors import InputError
from monai_rescunet.data import DrawContourd, MammogramReader, prepare_inbreast, read_datalist, write_datalist

MASS = ("Mass", circle(60, 80, 20))


@pytest.fixture
def collection(tmp_path) -> Collection:
    """Enough images of both classes for the folds; tests add theirs."""
    made = Collection(tmp_path / "INbreast")
    for index in range(6):
        made.add(30000000 + index, 100 + index, ("2", "5")[index % 2], MASS)
    return made


def prepared(collection: Collection, **options):
    return prepare_inbreast(collection.close(), **options)


def entries_of(report, identifier: int) -> list[dict]:
    return [entry for entry in report.entries if str(identifier) in entry["image"]]


def test_a_mass_is_an_entry_with_its_contour_box_class_and_patient(tmp_path):
    report = prepare_inbreast(small_inbreast(tmp_path / "INbreast"))
    assert report.problems == []
    first = report.entries[0]
    assert first["image"] == "AllDICOMs/20000000_0000000000000000_MG_L_CC_ANON.dcm"
    assert (first["contour"], first["class"], first["case"]) == ("AllXML/20000000.xml#0", "benign", "0" * 16)
    assert first["box"] == pytest.approx([40, 60, 81, 101], abs=1)
    assert [entry["class"] for entry in report.entries] == ["benign", "malignant"] * 3
    assert {entry["view"] for entry in report.entries} == {"CC", "MLO"}
    assert "masses: 3 benign, 3 malignant" in report.summary()
    assert "the paper counts 37 and 75" in report.summary()


def test_a_folder_round_the_collection_is_found(tmp_path):
    small_inbreast(tmp_path / "unpacked" / "INbreast Release 1.0")
    assert len(prepare_inbreast(tmp_path / "unpacked").entries) == 6


@pytest.mark.parametrize(
    ("birads", "name"),
    [
        ("2", "benign"),
        ("3", "benign"),
        ("4", "malignant"),
        ("4a", "malignant"),
        ("4C", "malignant"),
        ("6", "malignant"),
    ],
)
def test_birads_decides_on_the_class(collection, birads, name):
    collection.add(1, 1, birads, MASS)
    assert entries_of(prepared(collection), 1)[-1]["class"] == name


@pytest.mark.parametrize("birads", ["1", "0", "", "7"])
def test_a_mass_with_another_birads_is_left_out_and_told(collection, birads):
    collection.add(44444444, 1, birads, MASS)
    report = prepared(collection)
    assert len(report.entries) == 6
    assert f"the image 44444444 has a mass and Bi-Rads {birads!r}" in report.problems[0]
    with pytest.raises(InputError, match="44444444"):
        prepared(collection, strict=True)


def test_several_masses_of_an_image_share_its_class_and_its_label_map(collection):
    collection.add(44444444, 1, "3", ("Mass", circle(30, 30, 10)), ("Cluster", [(1, 1)]), ("mass", circle(90, 90, 9)))
    first, second = entries_of(prepared(collection), 44444444)
    assert (first["mass"], second["mass"]) == (0, 1)
    assert first["contour"] == second["contour"] == "AllXML/44444444.xml#0,2"
    assert first["box"] != second["box"]
    assert first["fold"] == second["fold"]


def test_spiculated_regions_are_an_option(collection):
    collection.add(44444444, 1, "5", ("Espiculated Region", circle(30, 30, 10)))
    assert len(prepared(collection).entries) == 6
    report = prepared(collection, spiculated=True)
    assert len(report.entries) == 7
    assert any("a contour named Mass or Spiculated region or" in note for note in report.notes)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(5, 5)], "a dot of 1 point"),
        ([(5, 5), (6, 6)], "a dot of 2 point"),
        ([(5, 5), (9, 9), (7, 7)], "a line of 3 point"),
        ([(5, 5)] * 4, "a line of 4 point"),
        (circle(-90, -90, 9), "no pixel inside the image"),
        ([(10, 10), (1e9, 20), (50, -1e9)], "has the point (1e+09, 20), far outside the image of 150 columns"),
    ],
)
def test_what_is_no_region_is_left_out_and_told(collection, points, message):
    collection.add(44444444, 1, "5", ("Mass", points), ("Mass", circle(90, 90, 9)))
    report = prepared(collection)
    assert [entry["mass"] for entry in entries_of(report, 44444444)] == [0]
    assert message in report.problems[0]
    assert "44444444.xml" in report.problems[0]


def test_rows_and_files_that_do_not_match_are_told(collection):
    collection.add(44444444, 1, "5", MASS)
    collection.rows += [collection.rows[-1], "removed;removed;L;CC;201001;55555555;2;5"]
    (collection.root / "AllDICOMs" / "66666666_00_MG_L_CC_ANON.dcm").write_bytes(b"")
    problems = "\n".join(prepared(collection).problems)
    assert "the image 44444444 stands in an earlier row" in problems
    assert "there is no AllDICOMs/55555555_*.dcm" in problems
    assert "66666666_00_MG_L_CC_ANON.dcm: stands in no row" in problems


def test_a_damaged_xml_costs_its_own_image_only(collection):
    collection.add(44444444, 1, "5", MASS)
    (collection.root / "AllXML" / "44444444.xml").write_text("<plist>")
    report = prepared(collection)
    assert len(report.entries) == 6
    assert "44444444.xml: is no XML property list" in report.problems[0]


def test_an_image_that_is_there_twice_or_elsewhere_is_told(collection, tmp_path):
    for identifier in (44444444, 55555555, 66666666):
        collection.add(identifier, 1, "5", MASS)
    files = collection.root / "AllDICOMs"
    twice, away, loop = (next(files.glob(f"{name}_*")) for name in (44444444, 55555555, 66666666))
    shutil.copy(twice, files / "44444444_00_MG_R_CC_ANON.dcm")
    away.rename(tmp_path / "away.dcm")
    away.symlink_to(tmp_path / "away.dcm")
    loop.unlink()
    loop.symlink_to(loop)
    (files / f"._{twice.name}").write_bytes(b"what some computers put beside files")
    report = prepared(collection)
    assert len(report.entries) == 6
    first, second, third = report.problems
    assert "2 files are the image 44444444: remove the others of 44444444_" in first
    assert "leads outside" in second
    assert "cannot be followed" in third


def test_an_xml_that_is_a_folder_or_leads_nowhere_is_not_taken_for_none(collection):
    for identifier in (44444444, 55555555):
        collection.add(identifier, 1, "5")
    (collection.root / "AllXML" / "44444444.xml").mkdir()
    (collection.root / "AllXML" / "55555555.xml").symlink_to("nowhere.xml")
    first, second = prepared(collection).problems
    assert "there is no file 'AllXML/44444444.xml'" in first
    assert "there is no file 'AllXML/55555555.xml'" in second


def test_images_with_a_finding_and_without_xml_are_counted(collection):
    collection.add(44444444, 1, "1")
    assert "without XML" not in prepared(collection).summary()
    collection.add(55555555, 1, "4b")
    assert "images of another Bi-Rads than 1 without XML: 1, 55555555 the first" in prepared(collection).summary()


def test_what_is_no_inbreast_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no INbreast\.csv"):
        prepare_inbreast(tmp_path)
    (tmp_path / "INbreast.csv").write_text("a;b\n")
    with pytest.raises(InputError, match="no folder AllDICOMs"):
        prepare_inbreast(tmp_path)


def test_the_label_map_is_drawn_in_the_images_geometry(tmp_path):
    root = small_inbreast(tmp_path / "INbreast")
    report = prepare_inbreast(root)
    write_datalist(tmp_path / "d.json", report.entries)
    entry = read_datalist(tmp_path / "d.json", report.dataset_dir)[0]
    loaded = LoadImaged(keys="image", reader=MammogramReader, ensure_channel_first=True)(entry)
    drawn = DrawContourd(keys="label")(loaded)["label"]
    assert drawn.shape == (1, *SIZE)
    x, y = np.nonzero(drawn[0].numpy())
    assert [x.min(), y.min(), x.max() + 1, y.max() + 1] == entry["box"]
    assert (drawn > 0).sum() == pytest.approx(np.pi * 400, rel=0.05)


def test_a_contour_outside_the_folder_is_refused(tmp_path):
    root = small_inbreast(tmp_path / "INbreast")
    entry = prepare_inbreast(root).entries[0] | {"contour": "../elsewhere.xml#0"}
    write_datalist(tmp_path / "d.json", [entry])
    with pytest.raises(InputError, match="leads outside"):
        read_datalist(tmp_path / "d.json", root)


def test_from_files_to_tables(tmp_path):
    """Train, evaluate and infer on the collection as it is, through the bundle."""
    root = small_inbreast(tmp_path / "INbreast")
    write_datalist(root / "datalist.json", prepare_inbreast(root).entries)
    run_bundle("train.yaml", root, tmp_path / "run", max_epochs=1, batch_size=2, roi_size=32, fold=0)
    weights = {"checkpoint": tmp_path / "run" / "model.pt", "roi_size": 32, "fold": "all"}
    run_bundle(["train.yaml", "evaluate.yaml"], root, tmp_path / "evaluation", **weights)
    assert len(pd.read_csv(tmp_path / "evaluation" / "per_image.csv")) == 6
    run_bundle("inference.yaml", root, tmp_path / "out", **weights)
    results = pd.read_csv(tmp_path / "out" / "results.csv")
    assert len(results) == 6
    assert set(results.spacing_source) == {"detector"}
    assert results.dice.notna().all()
