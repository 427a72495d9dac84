"""Whole mammograms without a box: findings where the finder sees them, `no finding` where it sees none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dicom_files import write_mammogram
from monai.bundle import run
from PIL import Image

from monai_rescunet import InputError, predict
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import LeftOutError
from monai_rescunet.data import group_by_image

EXAMPLES = Path(__file__).parents[2] / "examples" / "mammograms"
PLAIN = "01405_RIGHT_CC.jpg"  # the mass that is plainest to see


@pytest.fixture(scope="module")
def known() -> pd.DataFrame:
    return pd.read_csv(EXAMPLES / "known_masses.csv").set_index("image")


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A breast of one grey level, in which there is nothing."""
    rows, columns = np.mgrid[:600, :400]
    breast = ((rows - 300) / 260) ** 2 + (columns / 330) ** 2 < 1
    path = tmp_path_factory.mktemp("empty") / "empty.png"
    Image.fromarray(np.where(breast, 120, 0).astype(np.uint8)).save(path)
    return path


def centre(box: str) -> tuple[float, float]:
    x_min, y_min, x_max, y_max = map(float, box.split())
    return (x_min + x_max) / 2, (y_min + y_max) / 2


def lies_in(point: tuple[float, float], mass: pd.Series) -> bool:
    return mass.x_min <= point[0] < mass.x_max and mass.y_min <= point[1] < mass.y_max


def test_a_plain_mass_is_found_outlined_and_classified(known, tmp_path):
    first, *_ = predict(EXAMPLES / PLAIN, find_threshold=0.1, out=tmp_path)
    assert lies_in(centre(first["box"]), known.loc[PLAIN])
    assert 0.1 <= first["found"] <= 1
    assert first["decision"] in ("benign", "malignant")
    assert first["mask"].any()
    table = pd.read_csv(tmp_path / "results.csv")
    assert table["found"].iloc[0] == pytest.approx(first["found"], abs=1e-4)


def test_what_lies_under_the_threshold_is_no_finding_and_has_no_class(tmp_path):
    (none,) = predict(EXAMPLES / PLAIN, find_threshold=1.0, out=tmp_path)
    assert (none["decision"], none["score"], none["probability"], none["box"]) == ("no finding", None, None, None)
    assert 0 < none["found"] < 1
    assert not none["mask"].any()
    assert not np.asarray(Image.open(tmp_path / none["label_map"])).any()


def test_nothing_is_found_in_an_empty_breast(empty):
    (none,) = predict(empty)
    assert none["decision"] == "no finding"


@pytest.mark.parametrize(("picture", "said"), [("blank", "sees no breast"), ("inverted", "background is white")])
def test_what_cannot_be_searched_is_left_out_and_failed_in_the_report(picture, said, tmp_path):
    mammogram = np.asarray(Image.open(EXAMPLES / PLAIN).convert("L")).astype(np.uint16)
    path = write_mammogram(
        tmp_path / "bad.dcm", np.full_like(mammogram, 800) if picture == "blank" else 255 - mammogram
    )
    good = write_mammogram(tmp_path / "good.dcm", mammogram)
    with pytest.raises(LeftOutError, match=rf"bad\.dcm: .*{said}") as told:
        predict([path, good], out=tmp_path / "out", dicom=["cad"], find_threshold=0.1)
    assert {Path(row["image"]).name for row in told.value.results} == {"good.dcm"}
    with pytest.raises(InputError, match=said):
        predict(path, out=tmp_path / "alone", dicom=["cad"])
    assert not (tmp_path / "alone" / "bad_cad.dcm").exists()
    box = [305, 276, 368, 321]
    if picture == "blank":
        with pytest.raises(InputError, match="holds one grey level"):
            predict(path, box=box)
    else:
        assert "greys seem inverted" in predict(path, box=box)[0]["remarks"]


def test_what_makes_an_answer_doubtful_stands_in_its_row(tmp_path):
    grey = np.asarray(Image.open(EXAMPLES / PLAIN).convert("L"))
    stretched = np.asarray(Image.fromarray(grey).resize((800, 800)))
    Image.fromarray(stretched).save(tmp_path / "square.png")
    write_mammogram(tmp_path / "implant.dcm", grey.astype(np.uint16), BreastImplantPresent="YES")
    (guessed, implant) = predict(
        [tmp_path / "square.png", tmp_path / "implant.dcm"], max_findings=1, out=tmp_path / "o"
    )
    assert (guessed["remarks"], implant["remarks"]) == ("taken for a stretched film", "implant")
    table = pd.read_csv(tmp_path / "o" / "results.csv")
    assert list(table["remarks"]) == ["taken for a stretched film", "implant"]
    (none,) = predict(tmp_path / "implant.dcm", find_threshold=1.0)
    assert (none["decision"], none["remarks"]) == ("no finding", "implant")
    (told,) = predict(tmp_path / "square.png", max_findings=1, true_size=grey.shape[::-1])
    assert told["remarks"] is None
    for wrong in ([800], "800,600", [800, 0], [[800], [600, 1]]):
        with pytest.raises(InputError, match=r"true_size is .* expected columns and rows"):
            predict(tmp_path / "square.png", true_size=wrong)
    with pytest.raises(InputError, match="true_size is for the finder"):
        predict(tmp_path / "square.png", box=[1, 1, 99, 99], true_size=[800, 600])


def test_at_most_so_many_findings_the_surest_first():
    found = [mass["found"] for mass in predict(EXAMPLES / PLAIN, find_threshold=0.0, max_findings=3)]
    assert len(found) == 3
    assert found == sorted(found, reverse=True)


def test_a_finding_goes_the_way_of_a_box_that_a_person_gives():
    found, *_ = predict(EXAMPLES / PLAIN, find_threshold=0.1)
    given, *_ = predict(EXAMPLES / PLAIN, box=[float(edge) for edge in found["box"].split()])
    assert np.mean(given["mask"] != found["mask"]) < 1e-3  # the table's box is rounded
    assert given["found"] is None
    assert given["score"] == pytest.approx(found["score"], abs=0.02)


def test_a_point_in_a_mass_is_outlined_as_its_box_is(known):
    mass = known.loc[PLAIN]
    (pointed,) = predict(EXAMPLES / PLAIN, point=[(mass.x_min + mass.x_max) / 2, (mass.y_min + mass.y_max) / 2])
    (boxed,) = predict(EXAMPLES / PLAIN, box=[mass.x_min, mass.y_min, mass.x_max, mass.y_max])
    assert pointed["found"] is None
    assert pointed["decision"] == boxed["decision"]
    together = pointed["mask"] & boxed["mask"]
    assert 2 * together.sum() / (pointed["mask"].sum() + boxed["mask"].sum()) > 0.6


def test_without_the_finders_weights_a_mammogram_is_refused_and_a_box_is_not(tmp_path):
    missing = {"finder_checkpoint": str(tmp_path / "none.pt")}
    with pytest.raises(InputError, match=r"none\.pt: there is no such file"):
        predict(EXAMPLES / PLAIN, **missing)
    assert predict(EXAMPLES / PLAIN, box=[305, 276, 368, 321], **missing)[0]["decision"]


def test_the_bundle_finds_outlines_and_says_what_it_did_not_find(empty, tmp_path):
    """One mammogram to be looked at, one said to be a crop, one with a box."""
    entries = [
        {"image": str(EXAMPLES / PLAIN)},
        {"image": str(EXAMPLES / "00889_LEFT_MLO.jpg"), "crop": True},
        {"image": str(EXAMPLES / "01112_LEFT_CC.jpg"), "box": [139, 252, 195, 309]},
        {"image": str(empty)},
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    for entry in entries:
        target = folder / Path(entry["image"]).name
        target.write_bytes(Path(entry["image"]).read_bytes())
        entry["image"] = target.name
    (folder / "datalist.json").write_text(json.dumps({"training": entries}))
    root = bundle_root()
    run(
        config_file=str(root / "configs" / "inference.yaml"),
        bundle_root=str(root),
        dataset_dir=str(folder),
        output_dir=str(tmp_path / "out"),
        find_threshold=0.1,
        max_findings=1,
    )
    table = pd.read_csv(tmp_path / "out" / "results.csv").set_index("image")
    assert table.loc["empty.png", "decision"] == "no finding"
    assert table.loc["00889_LEFT_MLO.jpg", "box"] == "0 0 438 800"
    assert table.loc["01112_LEFT_CC.jpg", "box"] == "139 252 195 309"
    assert table["found"].notna().tolist() == [True, False, False, True]


def test_entries_that_say_nowhere_are_left_to_the_finder():
    entries = [{"image": "a"}, {"image": "b", "crop": True}, {"image": "c", "crop": False}]
    assert ["masses" in entry for entry in group_by_image(entries)] == [False, True, False]
