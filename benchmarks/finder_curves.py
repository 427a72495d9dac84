"""The free-response curve of judged mammograms, with intervals that are drawn from patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from monai_rescunet.decisions.froc import FALSE_FINDINGS, JudgedImage, judge_image

CORNERS = ["x_min", "y_min", "x_max", "y_max"]
REPLICATES = 1000


class Judged:
    """What the findings of mammograms are worth.

    Args:
        images: of `mammograms`, each with its `name`.
        findings: by name, boxes and confidences.
        rule: of a hit, one of `HIT_RULES`.
        most: findings of an image at most, the surest; None takes all.
    """

    def __init__(
        self,
        images: Sequence[Mapping[str, Any]],
        findings: Mapping[str, pd.DataFrame],
        rule: str = "centre",
        most: int | None = None,
    ) -> None:
        judged: list[JudgedImage] = []
        for image in images:
            rows = findings[image["name"]].dropna(subset=CORNERS)
            rows = rows if most is None else rows.nlargest(most, "confidence")
            judged.append(
                judge_image(
                    rows[CORNERS].to_numpy(), rows["confidence"].to_numpy(), image["boxes"], image["ignored"], rule
                )
            )
        cases = sorted({image["case"] for image in images})
        number = np.asarray([cases.index(image["case"]) for image in images])
        self.cases, self.case_of_image = len(cases), number
        false = np.concatenate([j.false for j in judged])
        order = np.argsort(-false, kind="stable")
        self.false = false[order]
        self.case_of_false = np.repeat(number, [len(j.false) for j in judged])[order]
        self.scores = np.concatenate([j.masses for j in judged])
        self.iou = np.concatenate([j.iou for j in judged])
        self.case_of_mass = np.repeat(number, [len(j.masses) for j in judged])
        self.about = pd.DataFrame(
            [
                {"class": name, **{key: image.get(key) for key in ("view", "density", "subtlety")}}
                for image in images
                for name in image["classes"]
            ]
        )
        self.once = np.ones(self.cases)
        rng = np.random.default_rng(0)
        self.drawn = rng.multinomial(self.cases, np.full(self.cases, 1 / self.cases), size=REPLICATES)
        self._thresholds = np.asarray([self._at(FALSE_FINDINGS, weights) for weights in self.drawn])

    def threshold(self, rate: float) -> float:
        """Return the confidence at which so many findings an image are false."""
        return float(self._at([rate], self.once)[0])

    def _at(self, rates: Sequence[float], weights: np.ndarray) -> np.ndarray:
        """Return the confidence at each rate of false findings an image, with the patients so weighted."""
        allowed = np.asarray(rates) * weights[self.case_of_image].sum()
        # the threshold lies just above the first false finding too many
        first = np.searchsorted(np.cumsum(weights[self.case_of_false]), allowed + 1e-9, side="right")
        return np.nextafter(np.append(self.false, -np.inf)[first], np.inf).clip(min=0)

    def _part(self, thresholds: np.ndarray, weights: np.ndarray, subset: np.ndarray) -> np.ndarray:
        """Return the part of a subset of the masses that is hit at each threshold."""
        of_mass = weights[self.case_of_mass] * subset
        return ((self.scores[None] >= thresholds[:, None]) * of_mass).sum(axis=1) / max(of_mass.sum(), 1e-9)

    def sensitivity(self, subset: np.ndarray) -> list[str]:
        """Return the sensitivity for a subset of the masses at each of `FALSE_FINDINGS` over all images."""
        point = self._part(self._at(FALSE_FINDINGS, self.once), self.once, subset)
        drawn = [self._part(*pair, subset) for pair in zip(self._thresholds, self.drawn, strict=True)]
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        return [f"{p:.2f} ({a:.2f}-{b:.2f})" for p, a, b in zip(point, low, high, strict=True)]

    def at_threshold(self, threshold: float, subset: np.ndarray) -> tuple[str, str]:
        """Return sensitivity for a subset of the masses, and false findings an image, at a threshold that is given."""

        def part(weights: np.ndarray) -> float:
            return float(self._part(np.asarray([threshold]), weights, subset)[0])

        def false(weights: np.ndarray) -> float:
            return float((weights[self.case_of_false] * (self.false >= threshold)).sum()) / float(
                weights[self.case_of_image].sum()
            )

        return self._interval(part), self._interval(false)

    def _interval(self, figure: Callable[[np.ndarray], float]) -> str:
        low, high = np.percentile([figure(weights) for weights in self.drawn], [2.5, 97.5])
        return f"{figure(self.once):.2f} ({low:.2f}-{high:.2f})"

    def curve(self, subset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return false findings per image, and the sensitivity at each of them."""
        rates = np.geomspace(0.05, 8, 60)
        return rates, self._part(self._at(list(rates), self.once), self.once, subset)

    def overlap(self) -> float:
        """Return the median IoU of hits at one false finding an image."""
        return float(np.median(self.iou[self.scores >= self.threshold(1.0)]))

    def all_masses(self) -> np.ndarray:
        """Return the subset that is all of them."""
        return np.ones(len(self.about))

    def malignant(self) -> np.ndarray:
        """Return the subset of malignant masses."""
        return (self.about["class"] == "malignant").to_numpy(float)

    def subsets(self) -> dict[str, np.ndarray]:
        """Return the subsets that tables tell apart."""
        chosen = {"all masses": self.all_masses()}
        for column in ("class", "view", "density", "subtlety"):
            for value in sorted(self.about[column].dropna().unique()):
                if value != "":
                    text = f"{value:g}" if isinstance(value, float) else str(value)
                    name = text if column in ("class", "view") else f"{column} {text}"
                    chosen[name] = (self.about[column] == value).to_numpy(float)
        return chosen
