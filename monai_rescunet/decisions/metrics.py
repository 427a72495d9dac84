"""The paper's figures (section III-C) for one mass and for a set of masses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_confusion_matrix_metric, get_confusion_matrix
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score
from torch import Tensor

from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.transforms.histogram import GREY_LEVELS, quantise

__all__ = ["SEGMENTATION_METRICS", "PixelROC", "classification_metrics", "segmentation_metrics"]

# ours and MONAI's names; table I's columns
SEGMENTATION_METRICS = {
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "dice": "f1 score",
    "jaccard": "threat score",
    "mcc": "matthews correlation coefficient",
}


def segmentation_metrics(mask: Tensor, truth: Tensor) -> dict[str, float]:
    """Return the six figures of table I for one mass, on all pixels of the maps given.

    Args:
        mask: predicted mass, bool, `(1, *spatial)`.
        truth: annotated mass, bool, `(1, *spatial)`.

    Returns:
        `accuracy, sensitivity, specificity, dice, jaccard, mcc`. An empty mask has Dice and Jaccard 0; the MCC is 0
        where mask or truth has pixels of one kind only. What the maps cannot say (specificity without background) is
        NaN.
    """
    confusion = get_confusion_matrix(mask[None].float(), truth[None].float())
    figures = {
        name: float(compute_confusion_matrix_metric(metric, confusion)) for name, metric in SEGMENTATION_METRICS.items()
    }
    if not mask.any():
        figures |= {"dice": 0.0, "jaccard": 0.0}
    if math.isnan(figures["mcc"]):
        figures["mcc"] = 0.0
    return figures


class PixelROC:
    """Pixel-wise ROC over a set of masses: the sweep of the threshold lambda1 over M (figure 4 b).

    It keeps a histogram of M's 256 grey levels for the pixels inside and outside the annotated masses, so a set of any
    size is counted exactly.
    """

    def __init__(self) -> None:
        self.histograms = np.zeros((2, GREY_LEVELS), dtype=np.int64)  # outside, inside

    def update(self, discriminative_map: Tensor, truth: Tensor) -> None:
        """Add the pixels of one mass.

        Args:
            discriminative_map: M in [0, 1], `(1, *spatial)`.
            truth: annotated mass, bool, `(1, *spatial)`.
        """
        levels = quantise(discriminative_map).cpu()
        for side, inside in enumerate((~truth.cpu(), truth.cpu())):
            self.histograms[side] += torch.bincount(levels[inside], minlength=GREY_LEVELS).numpy()

    def auc(self) -> float | None:
        """Return the area under the curve; None where there are pixels of one kind only."""
        if (self.histograms.sum(axis=1) == 0).any():
            return None
        levels = np.tile(np.arange(GREY_LEVELS), 2)
        return float(roc_auc_score(np.repeat([0, 1], GREY_LEVELS), levels, sample_weight=self.histograms.ravel()))


def classification_metrics(
    truths: Sequence[str], decisions: Sequence[str], scores: Sequence[float]
) -> dict[str, float | None]:
    """Return the five figures of table II and the AUC, malignant being the positive class.

    A mass in which no lesion was found is a wrong decision, whatever its class.

    Args:
        truths: `benign` or `malignant`.
        decisions: `benign`, `malignant` or `no lesion`.
        scores: in [0, 1], higher for malignant.

    Returns:
        `accuracy, recall, specificity, precision, f1, auc`; None for what the set cannot say (one class only).
    """
    figures: dict[str, float | None] = dict.fromkeys(
        ("accuracy", "recall", "specificity", "precision", "f1", "auc"), None
    )
    if not truths:
        return figures
    truth = np.array([name == MALIGNANT for name in truths])
    decided = np.array([name == MALIGNANT for name in decisions])
    missed = np.array([name not in (BENIGN, MALIGNANT) for name in decisions])
    decided = np.where(missed, ~truth, decided)
    figures["accuracy"] = float(accuracy_score(truth, decided))
    options: dict[str, Any] = {"zero_division": np.nan}
    for name, value in (
        ("recall", recall_score(truth, decided, **options)),
        ("specificity", recall_score(~truth, ~decided, **options)),
        ("precision", precision_score(truth, decided, **options)),
        ("f1", f1_score(truth, decided, **options)),
    ):
        figures[name] = None if np.isnan(value) else float(value)
    if 0 < truth.sum() < len(truth):
        figures["auc"] = float(roc_auc_score(truth, scores))
    return figures
