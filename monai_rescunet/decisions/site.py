"""A hospital's own calibration: levels and probability from its labelled masses, and what it gains by them, nested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor

from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.calibration import Calibration, fit_calibration
from monai_rescunet.decisions.levels import FACTORS, best_factors, decisions, factor_of, levels, rates
from monai_rescunet.transforms.otsu import ModifiedOtsu

__all__ = ["SITE_SPECIFICITIES", "SiteCalibration", "calibrate_site", "interval", "site_figures"]

SITE_SPECIFICITIES = (0.8, 0.9, 0.95)
FEWEST_CASES = 5
MOST_FOLDS = 10
RESAMPLINGS = 1000
SPREAD_OF_SITES = 0.08
"""Standard deviation, from site to site, of the factor of the annotation's grey levels that suits decisions best."""


@dataclass(frozen=True)
class SiteCalibration:
    """What `calibrate_site` found.

    Attributes:
        calibration: levels and probability, fitted on all masses.
        masses: a row a mass: `malignant`, `case`, `score`, `found` (whether a lesion was), `before` and `after`
            (whether it is called malignant), `told_before` and `told_after` (its probability); what is `after` was
            fitted on the masses of other cases.
    """

    calibration: Calibration
    masses: pd.DataFrame


def calibrate_site(
    maps: Tensor,
    malignant: Sequence[bool],
    cases: Sequence[str],
    checkpoint: str | Path,
    settings: Mapping[str, Any],
    *,
    otsu_levels: tuple[int, int],
    before: Calibration | None = None,
    **otsu: Any,
) -> SiteCalibration:
    """Fit the levels of the anchored Otsu and the probability to masses that the weights were not trained on.

    Levels are those of the best balanced accuracy, so that decisions lean to neither class, drawn towards the levels so
    far by as much as the masses leave open: what a few masses like best is chance. The probability is that
    among masses of which as many are malignant as among these. The answers `after` are nested: those of a case are
    read off with what the other cases gave, in up to ten parts.

    Args:
        maps: M in [0, 1], `(masses, 1, *spatial)`.
        malignant: the truth.
        cases: the patient of each mass.
        checkpoint: the weights; they are not changed.
        settings: what scores and levels depend on beside the weights.
        otsu_levels: the levels so far.
        before: the calibration so far.
        otsu: other parameters of `ModifiedOtsu` than the levels.

    Raises:
        InputError: a class has masses of fewer than five cases, no lesion was found in nearly all of them, or malignant
            masses do not score higher than benign ones.
    """
    truth, patients = np.asarray(malignant, dtype=bool), np.asarray(cases, dtype=str)
    of_class = {name: len(set(patients[own])) for name, own in (("benign", ~truth), ("malignant", truth))}
    if min(of_class.values()) < FEWEST_CASES:
        raise InputError(
            f"cases: {of_class['benign']} with a benign mass, {of_class['malignant']} with a malignant one; a site's "
            f"calibration needs at least {FEWEST_CASES} of each, and 30 masses are better"
        )
    result = ModifiedOtsu(levels=otsu_levels, **otsu)(maps)
    called = decisions(maps, **otsu)
    masses = pd.DataFrame({"malignant": truth, "case": patients, "found": result.lesion_found.numpy()})
    masses["score"] = np.where(masses.found, result.score.numpy(), 0.0)
    masses["before"] = np.array(result.decision) == MALIGNANT
    masses["told_before"] = [before(score) for score in masses.score] if before else np.nan

    def suited(rows: np.ndarray) -> float:
        """Return the mean of what the masses say and of the levels so far, each by its certainty."""
        sampled = best_factors(called[rows], truth[rows], None, patients[rows])
        doubt = sampled.var() / (sampled.var() + SPREAD_OF_SITES**2)
        return float((1 - doubt) * sampled.mean() + doubt * factor_of(otsu_levels))

    def fitted(rows: np.ndarray, factor: float | None = None) -> Calibration:
        found = rows[masses.found.to_numpy()[rows]]  # no probability is told of the others
        scores, chosen = masses.score.to_numpy()[found], None if factor is None else levels(factor)
        return fit_calibration(scores, truth[found], checkpoint, settings, levels=chosen)

    def nested(rows: np.ndarray, scores: np.ndarray) -> list[float]:
        try:
            calibration = fitted(rows)
        except InputError:  # of so few masses the slope can have the wrong sign: then the score says nothing
            return [float(truth[rows].mean())] * len(scores)
        return [calibration(score) for score in scores]

    parts = StratifiedGroupKFold(min(MOST_FOLDS, *of_class.values()), shuffle=True, random_state=0)
    masses["after"], masses["told_after"] = False, np.nan
    for others, own in parts.split(truth, truth, patients):
        masses.loc[own, "after"] = called[own, np.abs(FACTORS - suited(others)).argmin()]
        masses.loc[own, "told_after"] = nested(others, masses.score.to_numpy()[own])
    masses.loc[~masses.found, ["told_before", "told_after"]] = np.nan
    every = np.arange(len(truth))
    return SiteCalibration(fitted(every, suited(every)), masses)


def interval(masses: pd.DataFrame, figure: Callable[[pd.DataFrame], float]) -> tuple[float, float, float]:
    """Return a figure of a site's masses and its 95 % bootstrap interval over cases."""
    rng, of_cases = np.random.default_rng(0), list(masses.groupby("case").indices.values())
    drawn = []
    for _ in range(RESAMPLINGS):
        some = masses.iloc[np.concatenate([of_cases[i] for i in rng.integers(len(of_cases), size=len(of_cases))])]
        if some.malignant.nunique() == 2:
            drawn.append(figure(some))
    if np.isnan(drawn).all():  # of answers that were not given before
        return (float("nan"),) * 3
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return figure(masses), float(low), float(high)


def site_figures() -> dict[str, Callable[[pd.DataFrame], float]]:
    """Return the figures that are told of a site, before and after, by their names."""

    def of(column: str, which: int | None) -> Callable[[pd.DataFrame], float]:
        def figure(masses: pd.DataFrame) -> float:
            both = rates(masses[column], masses.malignant)
            return sum(both) / 2 if which is None else both[which]

        return figure

    def brier(column: str) -> Callable[[pd.DataFrame], float]:
        return lambda masses: float(((masses[column] - masses.malignant) ** 2).mean())

    def sensitivity_at(specificity: float) -> Callable[[pd.DataFrame], float]:
        def figure(masses: pd.DataFrame) -> float:
            false, true, _ = roc_curve(masses.malignant, masses.score)
            return float(true[false <= 1 - specificity + 1e-9].max())

        return figure

    told = {}
    for when in ("before", "after"):
        for name, which in (("balanced accuracy", None), ("sensitivity", 0), ("specificity", 1)):
            told[f"{name}, {when}"] = of(when, which)
        told[f"Brier score, {when}"] = brier(f"told_{when}")
    told["AUC"] = lambda masses: float(roc_auc_score(masses.malignant, masses.score))
    return told | {f"sensitivity at specificity {s}": sensitivity_at(s) for s in SITE_SPECIFICITIES}
