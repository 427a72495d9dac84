"""How sure the figures are: spread over folds, intervals over cases, paired tests.

Masses of one case are alike, so cases are drawn, not masses. Every figure is computed within a fold, since networks of
two folds need not answer on one scale, and averaged over the folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from monai_rescunet.decisions.metrics import SEGMENTATION_METRICS, weighted_classification

__all__ = [
    "CLASSIFICATION_METRICS",
    "Comparison",
    "Estimate",
    "classification_figures",
    "compare",
    "estimate",
    "holm",
    "segmentation_figures",
]

CLASSIFICATION_METRICS = ("accuracy", "recall", "specificity", "precision", "f1", "auc")
SAMPLES = 2000
Figures = Callable[[pd.DataFrame, np.ndarray], dict[str, np.ndarray]]


class Estimate(NamedTuple):
    """A figure.

    Attributes:
        mean, sd: over the folds; the standard deviation is NaN with one fold.
        low, high: 95 % bootstrap interval of the mean over cases.
    """

    mean: float
    sd: float
    low: float
    high: float


class Comparison(NamedTuple):
    """What a configuration is better by than another, on the same masses.

    Attributes:
        masses: number of them.
        dice, dice_low, dice_high: difference of the mean Dice, and its 95 % bootstrap interval over cases.
        dice_p: Wilcoxon's signed-rank test on the Dice of each mass, two-sided.
        auc, auc_low, auc_high: difference of the classification AUC; NaN without classification.
        auc_p: from the same bootstrap, two-sided.
    """

    masses: int
    dice: float
    dice_low: float
    dice_high: float
    dice_p: float
    auc: float
    auc_low: float
    auc_high: float
    auc_p: float


def segmentation_figures(masses: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures of table I, `(n,)` each.

    Args:
        masses: rows of `per_image.csv`.
        weights: how often each mass counts, `(n, masses)`.
    """
    figures = {}
    for name in SEGMENTATION_METRICS:
        values = masses[name].to_numpy(float)
        figures[name] = _ratio(weights @ np.nan_to_num(values), weights @ np.isfinite(values))
    return figures


def classification_figures(masses: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures of table II and the AUC, `(n,)` each; NaN where they are undefined.

    Args:
        masses: rows of `per_image.csv`; malignant is positive, and no lesion is a wrong decision for either class.
        weights: how often each mass counts, `(n, masses)`.
    """
    if masses["score"].isna().all():
        return {name: np.full(len(weights), np.nan) for name in CLASSIFICATION_METRICS}
    decided = masses["decision"].fillna("")
    return weighted_classification(masses["class"].tolist(), decided.tolist(), masses["score"].tolist(), weights)


def estimate(masses: pd.DataFrame, figures: Figures, seed: int = 0) -> dict[str, Estimate]:
    """Return each figure with its spread over folds and its interval over cases.

    Args:
        masses: of one configuration, all folds.
        figures: `segmentation_figures` or `classification_figures`.
        seed: of the bootstrap.
    """
    folds = [rows for _, rows in masses.groupby("fold")]
    points = [figures(rows, np.ones((1, len(rows)))) for rows in folds]
    samples = [figures(rows, _case_weights(rows, seed)) for rows in folds]
    estimates = {}
    for name in points[0]:
        values = np.array([point[name][0] for point in points])
        low, high = _interval(_fold_mean([sample[name] for sample in samples]))
        sd = float(np.nanstd(values, ddof=1)) if np.isfinite(values).sum() > 1 else float("nan")
        estimates[name] = Estimate(float(_fold_mean(values[:, None])[0]), sd, low, high)
    return estimates


def compare(ours: pd.DataFrame, other: pd.DataFrame, seed: int = 0) -> Comparison:
    """Return what `ours` is better by than `other`, on the masses that both have judged.

    Args:
        ours, other: rows of `per_image.csv` of one configuration each.
        seed: of the bootstrap.
    """
    pairs = ours.merge(other, on=["image", "mass"], suffixes=("", "_other"), validate="one_to_one")
    pairs = pairs.reset_index(drop=True)
    difference = (pairs["dice"] - pairs["dice_other"]).to_numpy()
    dice, dice_samples = _difference(pairs, segmentation_figures, "dice", seed)
    auc, auc_samples = _difference(pairs, classification_figures, "auc", seed)
    drawn = np.isfinite(auc_samples).sum()  # a sample without one of the classes has no AUC
    below = (np.sum(auc_samples <= 0) + 1) / (drawn + 1)
    above = (np.sum(auc_samples >= 0) + 1) / (drawn + 1)
    return Comparison(
        len(pairs),
        dice,
        *_interval(dice_samples),
        float(wilcoxon(difference).pvalue) if difference.any() else 1.0,
        auc,
        *_interval(auc_samples),
        float("nan") if np.isnan(auc) else float(min(1.0, 2 * min(below, above))),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for the number of comparisons by Holm's method; NaN stays and does not count.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    corrected = np.full(len(p), np.nan)
    order = [index for index in np.argsort(p) if np.isfinite(p[index])]
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p[index]))
        corrected[index] = highest
    return [float(value) for value in corrected]


def _difference(pairs: pd.DataFrame, figures: Figures, name: str, seed: int) -> tuple[float, np.ndarray]:
    """Return the difference of a figure and its bootstrap samples."""
    others = pairs.filter(like="_other").rename(columns=lambda column: column.removesuffix("_other"))
    points: list[np.ndarray] = []
    samples: list[np.ndarray] = []
    for _, rows in pairs.groupby("fold"):
        theirs = others.loc[rows.index]
        for weights, kept in ((np.ones((1, len(rows))), points), (_case_weights(rows, seed), samples)):
            kept.append(figures(rows, weights)[name] - figures(theirs, weights)[name])
    return float(_fold_mean(points)[0]), _fold_mean(samples)


def _case_weights(masses: pd.DataFrame, seed: int) -> np.ndarray:
    """Return how often each mass is drawn when the cases are, `(SAMPLES, masses)`; alike for every configuration."""
    cases, index = np.unique(masses["case"].to_numpy(str), return_inverse=True)
    rng = np.random.default_rng([seed, int(masses["fold"].iloc[0])])
    drawn = rng.multinomial(len(cases), np.full(len(cases), 1 / len(cases)), size=SAMPLES)
    return np.asarray(drawn[:, index], dtype=float)


def _fold_mean(values: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Return the mean over the folds in which a figure is defined, NaN where it is in none."""
    stacked = np.asarray(values, dtype=float)
    return _ratio(np.nansum(stacked, axis=0), np.isfinite(stacked).sum(axis=0))


def _interval(samples: np.ndarray) -> tuple[float, float]:
    finite = samples[np.isfinite(samples)]
    if not finite.size:
        return float("nan"), float("nan")
    low, high = np.percentile(finite, (2.5, 97.5))
    return float(low), float(high)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(np.shape(a), np.nan), where=np.asarray(b) > 0)
