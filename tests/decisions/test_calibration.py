from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.calibration import (
    calibration_path,
    fit_calibration,
    load_calibration,
    save_calibration,
    write_calibration,
)

SETTINGS = {"roi_context": 1.1, "window_size": [45.0, 512], "lambda1": None}


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    return path


def simulated(slope: float, intercept: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.05, 0.95, count)
    return scores, rng.uniform(size=count) < expit(slope * logit(scores) + intercept)


def test_the_line_that_made_the_classes_is_found_again(checkpoint):
    calibration = fit_calibration(*simulated(1.7, -0.6), checkpoint, SETTINGS)
    assert (calibration.slope, calibration.intercept) == pytest.approx((1.7, -0.6), abs=0.1)
    assert calibration.masses == 20_000


def test_a_probability_is_the_share_of_malignant_masses_at_its_score(checkpoint):
    scores, malignant = simulated(0.8, 0.5)
    calibration = fit_calibration(scores, malignant, checkpoint, SETTINGS)
    near = np.abs(scores - 0.7) < 0.02
    assert calibration(0.7) == pytest.approx(malignant[near].mean(), abs=0.03)
    assert 0 < calibration(0.0) < calibration(1.0) < 1


def test_it_comes_back_from_beside_its_weights(checkpoint):
    calibration = fit_calibration([0.2, 0.4, 0.6, 0.8], [False, True, False, True], checkpoint, SETTINGS)
    save_calibration(calibration, checkpoint)
    assert load_calibration(checkpoint, SETTINGS) == calibration


def test_without_one_there_is_no_probability(checkpoint):
    assert load_calibration(checkpoint, SETTINGS) is None


def test_other_weights_have_no_probability(checkpoint, caplog):
    save_calibration(
        fit_calibration([0.2, 0.8, 0.4, 0.6], [False, True, True, False], checkpoint, SETTINGS), checkpoint
    )
    checkpoint.write_bytes(b"other weights")
    assert load_calibration(checkpoint, SETTINGS) is None
    assert "belongs to other weights" in caplog.text


def test_scores_of_other_settings_have_no_probability(checkpoint, caplog):
    save_calibration(
        fit_calibration([0.2, 0.8, 0.4, 0.6], [False, True, True, False], checkpoint, SETTINGS), checkpoint
    )
    assert load_calibration(checkpoint, SETTINGS | {"roi_context": 2}) is None
    assert "(roi_context is 2, there 1.1): no probability is told" in caplog.text


@pytest.mark.parametrize("content", ["", "{}", "[]", json.dumps({"slope": 1})])
def test_a_malformed_file_is_refused(checkpoint, content):
    calibration_path(checkpoint).write_text(content)
    with pytest.raises(InputError, match=r"model_calibration\.json: is no calibration"):
        load_calibration(checkpoint, SETTINGS)


def test_one_class_is_refused(checkpoint):
    with pytest.raises(InputError, match="both"):
        fit_calibration([0.1, 0.2], [True, True], checkpoint, SETTINGS)


def test_few_masses_that_are_told_apart_without_a_fault_give_no_certainty(checkpoint):
    calibration = fit_calibration([0.2, 0.3, 0.7, 0.8], [False, False, True, True], checkpoint, SETTINGS)
    assert calibration(0.8) < 0.9
    assert calibration(0.2) > 0.1


def test_scores_that_rank_the_masses_the_wrong_way_are_refused(checkpoint):
    with pytest.raises(InputError, match="do not score higher"):
        fit_calibration([0.2, 0.4, 0.6, 0.8], [True, True, False, False], checkpoint, SETTINGS)
    calibration_path(checkpoint).write_text(
        json.dumps({"slope": -1, "intercept": 0, "masses": 4, "weights": "", "settings": {}})
    )
    with pytest.raises(InputError, match="slope"):
        load_calibration(checkpoint, SETTINGS)


def test_classes_and_collections_count_alike_where_they_are_named(checkpoint):
    scores, malignant = simulated(1.0, -2.0)  # few are malignant
    own = fit_calibration(scores, malignant, checkpoint, SETTINGS)
    alike = fit_calibration(scores, malignant, checkpoint, SETTINGS, groups=["one"] * len(scores))
    told = np.array([alike(score) for score in scores[:2000]])
    assert (told[malignant[:2000]] > 0.5).mean() == pytest.approx((told[~malignant[:2000]] < 0.5).mean(), abs=0.1)
    assert np.mean([own(score) for score in scores[:2000]]) == pytest.approx(malignant.mean(), abs=0.03)


def site_file(checkpoint, tmp_path, **changed):
    settings = SETTINGS | {"otsu_mode": "anchored"}
    fitted = fit_calibration([0.2, 0.4, 0.6, 0.8], [False, True, False, True], checkpoint, settings, levels=(100, 200))
    return write_calibration(replace(fitted, **changed), tmp_path / "site.json")


def test_a_site_takes_the_place_of_what_ships(checkpoint, tmp_path):
    path = site_file(checkpoint, tmp_path)
    loaded = load_calibration(checkpoint, SETTINGS, path, {"otsu_mode": "anchored"})
    assert loaded is not None and loaded.levels == (100, 200)


@pytest.mark.parametrize(
    ("changed", "decided", "fault"),
    [
        ({"weights": "0"}, "anchored", "belongs to other weights"),
        ({}, "paper", "otsu_mode is paper, there anchored"),
        ({"levels": None}, "anchored", "has no levels"),
    ],
)
def test_a_site_that_does_not_fit_is_an_error(checkpoint, tmp_path, changed, decided, fault):
    path = site_file(checkpoint, tmp_path, **changed)
    with pytest.raises(InputError, match=rf"site\.json:? .*{fault}"):
        load_calibration(checkpoint, SETTINGS, path, {"otsu_mode": decided})


def test_a_site_that_is_missing_is_an_error(checkpoint, tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        load_calibration(checkpoint, SETTINGS, tmp_path / "site.json")
