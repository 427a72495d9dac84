"""Decisions that lean to neither side: cuts and Otsu levels of the best balanced accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms.histogram import histogram
from monai_rescunet.transforms.otsu import ModifiedOtsu
from monai_rescunet.transforms.otsu_result import check_range

__all__ = [
    "FACTORS",
    "balanced_accuracy",
    "best_cut",
    "best_factor",
    "best_factors",
    "decisions",
    "factor_of",
    "levels",
    "rates",
]

FACTORS = np.round(np.arange(0.60, 1.20, 0.01), 2)
"""Of the annotation's grey levels, 127.5 and 255, that levels are sought among."""

RESAMPLINGS = 200


def levels(factor: float) -> tuple[int, int]:
    """Return the grey levels of benign and malignant masses, at most 255, at a factor of the annotation's."""
    return round(factor * 127.5), min(255, round(factor * 255))


def factor_of(otsu_levels: Sequence[float]) -> float:
    """Return the factor of the annotation's grey levels at which levels lie, by that of benign masses."""
    return otsu_levels[0] / 127.5


def decisions(maps: Tensor, **otsu: Any) -> np.ndarray:
    """Return whether each map is called malignant at each of `FACTORS`, bool, `(masses, factors)`.

    Args:
        maps: M in [0, 1], `(masses, 1, *spatial)`.
        otsu: other parameters of `ModifiedOtsu` than the levels.

    Raises:
        ValueError: a map has values outside [0, 1].
    """
    check_range((maps >= 0) & (maps <= 1))  # NaN is not
    counts = histogram(maps.flatten(1))
    found = [ModifiedOtsu(levels=levels(f), **otsu).of_histograms(counts).decision for f in FACTORS]
    return np.array(found).T == MALIGNANT


def rates(called: ArrayLike, malignant: ArrayLike) -> tuple[float, float]:
    """Return sensitivity and specificity; NaN where there is no mass of the class."""
    called, malignant = np.asarray(called, dtype=bool), np.asarray(malignant, dtype=bool)
    sensitivity = called[malignant].mean() if malignant.any() else np.nan
    specificity = 1 - called[~malignant].mean() if not malignant.all() else np.nan
    return float(sensitivity), float(specificity)


def balanced_accuracy(called: np.ndarray, malignant: ArrayLike, groups: ArrayLike | None = None) -> np.ndarray:
    """Return the mean of sensitivity and specificity of each column, of groups of masses that count alike.

    Args:
        called: whether each mass is called malignant, bool, `(masses, columns)`.
        malignant: the truth, `(masses,)`.
        groups: the collection of each mass, or collection and change of the picture; None is one group. A group without
            both classes says nothing and is left out.

    Raises:
        InputError: no group has both classes.
    """
    malignant = np.asarray(malignant, dtype=bool)
    names = np.zeros(len(malignant)) if groups is None else np.asarray(groups)
    both = [
        (called[own & malignant].mean(axis=0) + 1 - called[own & ~malignant].mean(axis=0)) / 2
        for own in (names == name for name in np.unique(names))
        if (own & malignant).any() and (own & ~malignant).any()
    ]
    if not both:
        raise InputError("the masses are all of one class; what suits decisions best needs both")
    return np.asarray(np.mean(both, axis=0))


def best_cut(scores: ArrayLike, malignant: ArrayLike, groups: ArrayLike | None = None) -> tuple[float, float]:
    """Return the cut of the score of the best balanced accuracy, and that accuracy; a mass above it is malignant.

    Args:
        scores: in [0, 1].
        malignant: the truth.
        groups: as in `balanced_accuracy`.
    """
    scores = np.asarray(scores, dtype=float)
    values = np.unique(scores)
    candidates = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    found = balanced_accuracy(scores[:, None] > candidates, malignant, groups)
    top = np.flatnonzero(found == found.max())
    return float(candidates[top[len(top) // 2]]), float(found.max())


def best_factor(
    called: np.ndarray, malignant: ArrayLike, groups: ArrayLike | None, cases: Sequence[str] | np.ndarray
) -> float:
    """Return the factor of the best balanced accuracy, the mean of `best_factors`.

    The accuracy of a few masses is a staircase whose highest step lies by chance; the mean over samples is steadier.
    """
    return round(float(best_factors(called, malignant, groups, cases).mean()), 3)


def best_factors(
    called: np.ndarray, malignant: ArrayLike, groups: ArrayLike | None, cases: Sequence[str] | np.ndarray, seed: int = 0
) -> np.ndarray:
    """Return the factors of `FACTORS` of the best balanced accuracy in 200 bootstrap samples of the cases.

    Args:
        called: what `decisions` returns.
        malignant: the truth.
        groups: as in `balanced_accuracy`.
        cases: the patient of each mass.
        seed: of the samples.

    Raises:
        InputError: the masses are all of one class.
    """
    malignant, cases = np.asarray(malignant, dtype=bool), np.asarray(cases)
    names = np.zeros(len(malignant)) if groups is None else np.asarray(groups)
    balanced_accuracy(called, malignant, names)  # refuses one class
    of_cases = [np.flatnonzero(cases == case) for case in np.unique(cases)]
    rng = np.random.default_rng(seed)
    chosen: list[float] = []
    while len(chosen) < RESAMPLINGS:
        drawn = np.concatenate([of_cases[i] for i in rng.integers(len(of_cases), size=len(of_cases))])
        if malignant[drawn].all() or not malignant[drawn].any():
            continue
        try:
            found = balanced_accuracy(called[drawn], malignant[drawn], names[drawn])
        except InputError:
            continue
        top = np.flatnonzero(found == found.max())
        chosen.append(float(FACTORS[top].mean()))
    return np.array(chosen)
