"""A site's calibration brings decisions into balance, and does not praise itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.levels import best_factor, decisions, factor_of
from monai_rescunet.decisions.site import calibrate_site, interval, site_figures

SETTINGS = {"roi_mode": "fitted", "otsu_mode": "anchored"}


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    return path


def maps(scores: np.ndarray) -> torch.Tensor:
    """Return maps with a disc of each score."""
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    disc = ((x - 11.5) ** 2 + (y - 11.5) ** 2).sqrt().sub(8).neg().mul(2).sigmoid()
    return torch.stack([float(score) * disc for score in scores])[:, None]


def masses(apart: float, count: int = 60, middle: float = 0.5) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    malignant = np.arange(count) % 2 == 0
    scores = (middle + apart * (malignant - 0.5) + 0.06 * rng.normal(size=count)).clip(0.3, 0.95)
    return scores, malignant, [f"case {number // 2 * 2 + number % 2}" for number in range(count)]


def test_a_site_whose_masses_all_look_benign_gets_its_own_levels(checkpoint):
    scores, malignant, cases = masses(apart=0.2)
    found = calibrate_site(maps(scores), malignant, cases, checkpoint, SETTINGS, otsu_levels=(128, 255))
    figures = {name: figure(found.masses) for name, figure in site_figures().items()}
    assert figures["balanced accuracy, before"] < 0.6
    assert figures["balanced accuracy, after"] > 0.85
    assert abs(figures["sensitivity, after"] - figures["specificity, after"]) < 0.15
    assert figures["Brier score, after"] < 0.2
    assert found.calibration.levels is not None and found.calibration.levels[1] < 230
    assert found.calibration.settings == SETTINGS
    value, low, high = interval(found.masses, site_figures()["AUC"])
    assert low < value < high


def test_masses_that_score_alike_are_not_praised(checkpoint):
    scores, malignant, cases = masses(apart=0.06)
    found = calibrate_site(maps(scores), malignant, cases, checkpoint, SETTINGS, otsu_levels=(128, 255))
    assert site_figures()["balanced accuracy, after"](found.masses) < 0.78


def test_levels_stay_where_they_were_by_as_much_as_the_masses_leave_open(checkpoint):
    """The same masses, whose classes lie apart by much more than they scatter, or by less."""
    moved = {}
    for apart in (0.03, 0.2):
        scores, malignant, cases = masses(apart, middle=0.6)
        own = best_factor(decisions(maps(scores)), malignant, None, cases)
        for before in ((90, 180), (128, 255)):
            site = calibrate_site(maps(scores), malignant, cases, checkpoint, SETTINGS, otsu_levels=before)
            assert site.calibration.levels is not None
            moved[apart, before] = (factor_of(site.calibration.levels) - factor_of(before)) / (own - factor_of(before))
    assert all(share > 0.8 for (apart, _), share in moved.items() if apart == 0.2)
    assert all(share < 0.8 for (apart, _), share in moved.items() if apart == 0.03)


def test_masses_whose_classes_are_mixed_up_are_refused(checkpoint):
    scores, malignant, cases = masses(apart=0.2)
    with pytest.raises(InputError, match="do not score higher"):
        calibrate_site(maps(scores), ~malignant, cases, checkpoint, SETTINGS, otsu_levels=(128, 255))


def test_too_few_patients_are_refused(checkpoint):
    scores, malignant, _ = masses(apart=0.2, count=12)
    with pytest.raises(InputError, match="at least 5 of each"):
        calibrate_site(maps(scores), malignant, ["one", "two"] * 6, checkpoint, SETTINGS, otsu_levels=(128, 255))


def test_sensitivity_at_a_specificity_is_that_of_the_curve():
    import pandas as pd

    table = pd.DataFrame({"malignant": [False] * 10 + [True] * 4, "score": [*np.arange(10) / 20, 0.1, 0.42, 0.8, 0.9]})
    told = site_figures()
    assert told["sensitivity at specificity 0.9"](table) == 0.75
    assert told["sensitivity at specificity 0.8"](table) == 0.75
    assert told["sensitivity at specificity 0.95"](table) == 0.5
