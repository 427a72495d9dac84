from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    jaccard_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from monai_rescunet.decisions.metrics import (
    PixelROC,
    classification_metrics,
    count_levels,
    segmentation_metrics,
    weighted_classification,
)

masks = arrays(np.bool_, (1, 6, 7))


@given(masks, masks)
def test_segmentation_figures_are_those_of_scikit_learn(mask, truth):
    figures = segmentation_metrics(torch.from_numpy(mask), torch.from_numpy(truth))
    flat = truth.ravel(), mask.ravel()
    assert figures["accuracy"] == pytest.approx((truth == mask).mean())
    if truth.any():
        assert figures["sensitivity"] == pytest.approx(recall_score(*flat))
        assert figures["dice"] == pytest.approx(f1_score(*flat))
        assert figures["jaccard"] == pytest.approx(jaccard_score(*flat))
    if not truth.all():
        assert figures["specificity"] == pytest.approx(recall_score(~flat[0], ~flat[1]))
    if truth.any() and not truth.all():
        assert np.nan_to_num(figures["mcc"]) == pytest.approx(matthews_corrcoef(*flat), abs=1e-5)


def test_a_mask_of_everything_has_an_mcc_of_zero():
    truth = torch.zeros(1, 8, 8, dtype=torch.bool)
    truth[0, :2, :2] = True
    assert segmentation_metrics(torch.ones_like(truth), truth)["mcc"] == 0


def test_an_empty_mask_has_dice_jaccard_and_mcc_zero():
    figures = segmentation_metrics(torch.zeros(1, 8, 8, dtype=torch.bool), torch.ones(1, 8, 8).tril().bool())
    assert (figures["dice"], figures["jaccard"], figures["mcc"], figures["sensitivity"]) == (0, 0, 0, 0)


@given(st.integers(0, 2**16))
def test_pixel_auc_is_that_of_all_pixels_pooled(seed):
    rng = np.random.default_rng(seed)
    roc, levels, truths = PixelROC(), [], []
    for _ in range(3):
        level, truth = rng.integers(0, 256, (1, 8, 9)), rng.random((1, 8, 9)) < 0.4
        roc.update(torch.from_numpy((level / 255).astype(np.float32)), torch.from_numpy(truth))
        levels.append(level.ravel())
        truths.append(truth.ravel())
    assert roc.auc() == pytest.approx(roc_auc_score(np.concatenate(truths), np.concatenate(levels)))


def test_pixel_auc_needs_pixels_of_both_kinds():
    roc = PixelROC()
    roc.update(torch.rand(1, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool))
    assert roc.auc() is None


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**16))
def test_figures_of_classification_are_those_of_scikit_learn_whatever_each_mass_weighs(seed):
    """The metrics of the evaluation and the samples of the report's intervals are one computation."""
    rng = np.random.default_rng(seed)
    malignant = np.array([True, False, *(rng.random(9) < 0.5)])
    called, scores = rng.random(11) < 0.5, rng.integers(0, 5, 11) / 4
    weights = rng.integers(1, 4, (3, 11)).astype(float)
    names = [np.where(flags, "malignant", "benign").tolist() for flags in (malignant, called)]
    figures = weighted_classification(*names, scores.tolist(), weights)
    for sample, weight in enumerate(weights):
        flat = {"y_true": malignant, "y_pred": called, "sample_weight": weight}
        assert figures["accuracy"][sample] == pytest.approx(accuracy_score(**flat))
        assert figures["recall"][sample] == pytest.approx(recall_score(**flat))
        assert figures["specificity"][sample] == pytest.approx(recall_score(**flat, pos_label=False))
        assert np.nan_to_num(figures["precision"][sample]) == pytest.approx(precision_score(**flat, zero_division=0))
        assert figures["f1"][sample] == pytest.approx(f1_score(**flat))
        assert figures["auc"][sample] == pytest.approx(roc_auc_score(malignant, scores, sample_weight=weight))
    alone = classification_metrics(*names, scores.tolist())
    assert alone["auc"] == pytest.approx(roc_auc_score(malignant, scores))


def test_levels_are_counted_by_what_their_pixels_are():
    levels, truth = np.array([[0, 7, 7], [255, 7, 0]], np.uint8), np.array([[0, 1, 1], [2, 2, 0]])
    counts = count_levels(levels, truth, (0, 1, 2))
    assert counts.shape == (3, 256)
    assert (counts[0, 0], counts[1, 7], counts[2, 7], counts[2, 255], counts.sum()) == (2, 2, 1, 1, 6)


def test_a_worked_example_by_hand():
    truths = ["malignant", "malignant", "malignant", "benign", "benign", "benign", "benign"]
    decisions = ["malignant", "benign", "no lesion", "benign", "benign", "malignant", "no lesion"]
    figures = classification_metrics(truths, decisions, [0.9, 0.6, 0.0, 0.5, 0.55, 0.8, 0.0])
    assert figures == pytest.approx(
        {
            "accuracy": 3 / 7,  # what was missed is wrong for either class
            "recall": 1 / 3,
            "specificity": 2 / 4,
            "precision": 1 / 3,
            "f1": 1 / 3,
            "auc": (4 + 3 + 0.5) / 12,
        }
    )


def test_one_class_has_no_auc_and_no_mass_has_no_figure():
    figures = classification_metrics(["benign"] * 3, ["benign"] * 3, [0.5] * 3)
    assert (figures["accuracy"], figures["auc"], figures["recall"]) == (1.0, None, None)
    assert set(classification_metrics([], [], []).values()) == {None}
