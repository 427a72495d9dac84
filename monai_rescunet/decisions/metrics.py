"""The paper's figures (section III-C) for one mass and for a set of masses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from monai.metrics import compute_confusion_matrix_metric, get_confusion_matrix
from sklearn.metrics import roc_auc_score
from torch import Tensor

from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.transforms.histogram import GREY_LEVELS, quantise

__all__ = [
    "SEGMENTATION_METRICS",
    "PixelROC",
    "classification_metrics",
    "count_levels",
    "segmentation_metrics",
    "weighted_classification",
]

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
        self.counts = np.zeros((2, GREY_LEVELS), dtype=np.int64)  # outside, inside

    def update(self, discriminative_map: Tensor, truth: Tensor) -> None:
        """Add the pixels of one mass.

        Args:
            discriminative_map: M in [0, 1], `(1, *spatial)`.
            truth: annotated mass, bool, `(1, *spatial)`.
        """
        self.counts += count_levels(quantise(discriminative_map).cpu().numpy(), truth.cpu().numpy(), (False, True))

    def auc(self) -> float | None:
        """Return the area under the curve; None where there are pixels of one kind only."""
        if (self.counts.sum(axis=1) == 0).any():
            return None
        levels = np.tile(np.arange(GREY_LEVELS), 2)
        return float(roc_auc_score(np.repeat([0, 1], GREY_LEVELS), levels, sample_weight=self.counts.ravel()))


def count_levels(levels: np.ndarray, truth: np.ndarray, kinds: Sequence[int]) -> np.ndarray:
    """Return how many pixels of each kind have each grey level of M, `(kinds, 256)`, int64.

    Args:
        levels: grey levels, 0 to 255, of any shape.
        truth: what each pixel is, of the same shape.
        kinds: the values of `truth` to count.
    """
    return np.stack([np.bincount(levels[truth == kind], minlength=GREY_LEVELS) for kind in kinds])


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
    figures = weighted_classification(truths, decisions, scores, np.ones((1, len(truths))))
    return {name: None if np.isnan(value[0]) else float(value[0]) for name, value in figures.items()}


def weighted_classification(
    truths: Sequence[str], decisions: Sequence[str], scores: Sequence[float], weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the figures of `classification_metrics` for several samples of the masses, `(samples,)` each.

    Args:
        truths, decisions, scores: as there.
        weights: how often each mass counts, `(samples, masses)`.

    Returns:
        The same names; NaN for what a sample cannot say.
    """
    truth = np.asarray(truths, dtype=object)
    malignant, right = truth == MALIGNANT, truth == np.asarray(decisions, dtype=object)
    tp, fn = weights @ (malignant & right), weights @ (malignant & ~right)
    tn, fp = weights @ (~malignant & right), weights @ (~malignant & ~right)
    # masses by their scores: a malignant one is above all benign ones of lower scores, and beside those of its own
    levels, place = np.unique(np.asarray(scores, dtype=float), return_inverse=True)
    above, below = np.zeros((2, len(levels), len(weights)))
    np.add.at(above, place[malignant], weights[:, malignant].T)
    np.add.at(below, place[~malignant], weights[:, ~malignant].T)
    pairs = (above * (below.cumsum(axis=0) - below / 2)).sum(axis=0)
    return {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "recall": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
        "precision": _ratio(tp, tp + fp),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "auc": _ratio(pairs, (tp + fn) * (tn + fp)),
    }


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(np.shape(a), np.nan), where=np.asarray(b) > 0)
