"""From a site's own masses to a file that inference takes by one name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from monai_rescunet import InputError, predict
from monai_rescunet.cli import app
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
