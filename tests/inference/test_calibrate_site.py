"""From a site's own masses to a file that inference takes by one name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from monai_rescunet import InputError, predict
from monai_rescunet.cli import app, main
from monai_rescunet.data import make_phantom


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a folder of phantoms with their datalist, which needs no masks."""
    folder, entries = tmp_path_factory.mktemp("site"), []
    for number in range(12):
        name = ("benign", "malignant")[number % 2]
        image, mask = make_phantom(np.random.default_rng(number), name, (200, 160))
        Image.fromarray(image).save(folder / f"{number}.png")
        rows, columns = (np.flatnonzero(mask.any(axis=axis)).tolist() for axis in (1, 0))
        box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        entries.append({"image": f"{number}.png", "box": box, "class": name, "case": str(number)})
    (folder / "datalist.json").write_text(json.dumps({"training": entries}))
    return folder


@pytest.fixture(scope="module")
def calibrated(site):
    command = ["calibrate", str(site), str(site / "datalist.json"), "--out", str(site / "site.json")]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return site / "site.json", result.output


def test_what_is_told_has_both_sides_and_intervals(calibrated):
    _, told = calibrated
    assert all(name in told for name in ("balanced accuracy", "sensitivity", "specificity", "Brier score", "AUC"))
    assert "12 masses of 12 cases, 6 malignant" in told
    assert "12 masses are few" in told


def test_predict_takes_levels_and_probability_from_the_file(calibrated, site, tmp_path):
    path, _ = calibrated
    box = json.loads((site / "datalist.json").read_text())["training"][1]["box"]
    (plain,), (own,) = predict(site / "1.png", box=box), predict(site / "1.png", box=box, site=str(path))
    assert own["score"] == plain["score"]
    assert own["probability"] != plain["probability"]
    mine, fitted = tmp_path / "mine.json", json.loads(path.read_text())
    decided = []
    for levels in ([140, 200], [100, 140]):  # the same file, written anew
        mine.write_text(json.dumps(fitted | {"levels": levels}))
        decided += predict(site / "1.png", box=box, site=str(mine))
    assert decided[1]["lambda2"] < decided[0]["lambda2"]


def test_a_file_of_other_weights_or_settings_is_refused(calibrated, site, tmp_path):
    path, _ = calibrated
    with pytest.raises(InputError, match=r"datalist\.json: is no calibration .* expected a file that `monai-rescunet"):
        predict(site / "1.png", box=[1, 1, 50, 50], site=str(site / "datalist.json"))
    (tmp_path / "old.json").write_text(json.dumps(json.loads(path.read_text()) | {"weights": "0"}))
    with pytest.raises(InputError, match="belongs to other weights"):
        predict(site / "1.png", site=str(tmp_path / "old.json"))
    with pytest.raises(InputError, match=r"roi_context is 1\.5, there 1\.1"):
        predict(site / "1.png", site=str(path), roi_context=1.5)


def test_a_mass_without_a_class_is_refused(site):
    entry = json.loads((site / "datalist.json").read_text())["training"][0]
    del entry["class"]
    (site / "unknown.json").write_text(json.dumps({"training": [entry]}))
    command = ["calibrate", str(site), str(site / "unknown.json"), "--out", str(site / "no.json")]
    with pytest.raises(InputError, match="has no class"):
        CliRunner().invoke(app, command, catch_exceptions=False)


def refused(site, datalist, out="new.json") -> str:
    """Return the line that the command ends with."""
    entries = json.loads((site / "datalist.json").read_text())["training"]
    (site / "faulty.json").write_text(json.dumps({"training": datalist(entries)}))
    command = ["monai-rescunet", "calibrate", str(site), str(site / "faulty.json"), "--out", str(site / out)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as told:
        patch.setattr("sys.argv", command)
        main()
    return str(told.value)


def test_what_cannot_be_judged_is_said_in_one_line(site):
    (site / "cut.png").write_bytes((site / "0.png").read_bytes()[:400])
    assert "there is no mass to judge" in refused(site, lambda entries: [])
    for place in ({}, {"point": [80, 100]}):
        assert "0.png: mass 0 has neither a box nor a mask" in refused(
            site, lambda entries, place=place: [{"image": "0.png", "class": "benign", **place}]
        )
    assert "cut.png" in refused(site, lambda entries: [*entries[1:], entries[0] | {"image": "cut.png"}])


def test_images_without_a_mass_are_passed_over(site, tmp_path):
    entries = json.loads((site / "datalist.json").read_text())["training"]
    (site / "normal.png").write_bytes((site / "0.png").read_bytes())
    (site / "normal.json").write_text(
        json.dumps({"training": [*entries, {"image": "normal.png", "finding": "none", "case": "n"}]})
    )
    command = ["calibrate", str(site), str(site / "normal.json"), "--out", str(tmp_path / "site.json")]
    assert "12 masses of 12 cases" in CliRunner().invoke(app, command, catch_exceptions=False).output


def test_nothing_but_a_calibration_is_written_over(calibrated, site):
    path, _ = calibrated
    labels = site / "labels.csv"
    labels.write_text("mine")
    assert "labels.csv: is there already, is no calibration" in refused(site, lambda entries: entries, "labels.csv")
    assert labels.read_text() == "mine"
    assert "faulty.json: is there already" in refused(site, lambda entries: entries, "faulty.json")
    assert "is a folder" in refused(site, lambda entries: entries, ".")
    (site / "other_reliability.png").write_bytes(b"mine")
    assert "other_reliability.png: is there already" in refused(site, lambda entries: entries, "other.json")
    assert json.loads(path.read_text())["levels"]


def test_a_folder_where_the_plot_would_be_is_refused_before_a_calibration_is_written(calibrated, site):
    path, _ = calibrated
    mine = site / "mine.json"
    mine.write_bytes(path.read_bytes())
    (site / "mine_reliability.png").mkdir()
    before = mine.stat()
    assert "mine_reliability.png: is there already" in refused(site, lambda entries: entries, "mine.json")
    assert mine.stat().st_mtime_ns == before.st_mtime_ns
