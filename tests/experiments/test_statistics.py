"""Figures, intervals and tests against scikit-learn, SciPy and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from sklearn.metrics import roc_auc_score

from monai_rescunet.decisions.metrics import SEGMENTATION_METRICS, classification_metrics
from monai_rescunet.experiments import statistics
from monai_rescunet.experiments.statistics import (
    CLASSIFICATION_METRICS,
    classification_figures,
    compare,
    estimate,
    holm,
    segmentation_figures,
)


def masses(count: int = 90, cases: int = 30, seed: int = 0, skill: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    malignant = rng.random(count) < 0.4
    score = np.clip(0.5 + 0.1 * skill * (2 * malignant - 1) + rng.normal(0, 0.2, count), 0, 1).round(2)
    decision = np.where(score > 0.5, "malignant", "benign").astype(object)
    decision[:5] = "no lesion"
    case = np.arange(count) % cases
    table = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(count)], "mass": 0, "case": case.astype(str), "fold": case % 3,
            "class": np.where(malignant, "malignant", "benign"), "decision": decision, "score": score,
        }
    )  # fmt: skip
    return table.assign(**{name: rng.uniform(0.5, 1, count) for name in SEGMENTATION_METRICS})


def test_classification_figures_are_those_of_scikit_learn():
    table = masses()
    expected = classification_metrics(table["class"].tolist(), table.decision.tolist(), table.score.tolist())
    found = classification_figures(table, np.ones((1, len(table))))
    assert tuple(found) == CLASSIFICATION_METRICS
    assert {name: value[0] for name, value in found.items()} == pytest.approx(expected)


def test_a_weighted_figure_is_that_of_the_masses_repeated():
    table = masses()
    weights = np.random.default_rng(1).integers(0, 3, (1, len(table)))
    repeated = table.loc[np.repeat(table.index, weights[0])]
    for figures in (segmentation_figures, classification_figures):
        expected = figures(repeated, np.ones((1, len(repeated))))
        assert figures(table, weights) == {name: pytest.approx(value) for name, value in expected.items()}


def test_an_estimate_is_the_mean_over_folds():
    table = masses()
    found = estimate(table, classification_figures)["auc"]
    folds = [roc_auc_score(rows["class"] == "malignant", rows.score) for _, rows in table.groupby("fold")]
    assert (found.mean, found.sd) == pytest.approx((np.mean(folds), np.std(folds, ddof=1)))
    assert found.low < found.mean < found.high


def test_the_interval_is_that_of_drawing_cases():
    """Masses of one case are equal here, so that drawing masses would give a far narrower interval."""
    table = masses(count=300, cases=30)
    table["dice"] = np.random.default_rng(5).uniform(0.5, 1, 30)[table.case.astype(int)]
    found = estimate(table, segmentation_figures)["dice"]
    rng, means = np.random.default_rng(9), []
    for _ in range(1000):
        drawn = [rng.choice(rows.case.unique(), rows.case.nunique()) for _, rows in table.groupby("fold")]
        of_case = table.groupby("case").dice.first()
        means.append(np.mean([of_case[cases].mean() for cases in drawn]))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, (2.5, 97.5))), abs=0.012)


def test_a_network_against_itself_is_no_better():
    comparison = compare(masses(), masses())
    assert (comparison.dice, comparison.dice_p, comparison.auc, comparison.auc_p) == (0, 1, 0, 1)


def test_a_better_network_is_found_to_be():
    ours, other = masses(skill=3), masses(skill=0)
    other["dice"] -= 0.05
    comparison = compare(ours, other.sample(frac=1, random_state=0))
    assert comparison.dice == pytest.approx(0.05)
    assert comparison.dice_p == wilcoxon(ours.dice - other.dice).pvalue < 0.001
    assert 0 < comparison.auc_low < comparison.auc < comparison.auc_high
    assert comparison.auc_p < 0.01


def test_masses_that_cannot_be_told_apart_are_not_paired():
    with pytest.raises(ValueError, match="Merge keys are not unique"):
        compare(masses().assign(image="a.png"), masses())


def test_without_classification_there_is_no_auc():
    binary = masses().assign(score=np.nan, decision=None)
    comparison = compare(masses(), binary)
    assert np.isnan([comparison.auc, comparison.auc_low, comparison.auc_p]).all()
    assert np.isnan(estimate(binary, classification_figures)["accuracy"].mean)


def test_samples_without_an_auc_do_not_count_for_its_p_value(monkeypatch):
    samples = np.array([np.nan] * 96 + [0.1, 0.2, 0.3, -0.1])
    monkeypatch.setattr(statistics, "_difference", lambda *_: (0.1, samples))
    assert compare(masses(), masses()).auc_p == pytest.approx(2 * (1 + 1) / (4 + 1))


def test_a_figure_undefined_in_a_fold_is_the_mean_of_the_others():
    table = masses()
    table.loc[table.fold == 0, "class"] = "benign"
    assert np.isfinite(estimate(table, classification_figures)["recall"].mean)


def test_holm_corrects_as_in_the_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.01, float("nan")])[0] == 0.01
