"""Free-response figures: how many masses a finder finds at how many false findings an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from monai.data.box_utils import box_iou
from numpy.typing import NDArray

__all__ = ["FALSE_FINDINGS", "HIT_RULES", "JudgedImage", "Operating", "judge_image", "operating_point"]

FALSE_FINDINGS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""False findings per image at which sensitivity is told."""
HIT_RULES = ("centre", "iou")
"""A finding hits a mass if its centre lies in the mass's box; or if the boxes' IoU is at least `LEAST_IOU`."""
LEAST_IOU = 0.2

Boxes = Sequence[Sequence[float]]


class JudgedImage(NamedTuple):
    """What the findings of one image are worth.

    Attributes:
        masses: of each mass the highest confidence of a finding that hits it, -inf where none does.
        false: the confidences of findings that hit none, but for those in regions that are ignored.
        iou: of each mass, with its most confident hit; NaN where it is missed.
    """

    masses: NDArray[np.float64]
    false: NDArray[np.float64]
    iou: NDArray[np.float64]


class Operating(NamedTuple):
    """A point of the free-response curve.

    Attributes:
        threshold: least confidence of a finding.
        sensitivity: part of the masses that are hit.
        false_findings: per image, at most what was asked for.
    """

    threshold: float
    sensitivity: float
    false_findings: float


def judge_image(
    found: Boxes, confidences: Sequence[float], masses: Boxes, ignored: Boxes = (), rule: str = "centre"
) -> JudgedImage:
    """Return which masses are hit, and which findings hit none.

    Several findings that hit one mass are one hit, and none of them is false. A finding that hits no mass and whose
    centre lies in an ignored region counts for nothing.

    Args:
        found: boxes, `[x_min, y_min, x_max, y_max]`.
        confidences: of each of them.
        masses, ignored: boxes too.
        rule: one of `HIT_RULES`.

    Raises:
        ValueError: there is no such rule.
    """
    if rule not in HIT_RULES:
        raise ValueError(f"rule is {rule!r}; expected one of {', '.join(HIT_RULES)}")
    boxes, truth, left_out = (np.asarray(list(b), dtype=float).reshape(-1, 4) for b in (found, masses, ignored))
    sure = np.asarray(confidences, dtype=float)
    overlap = box_iou(boxes, truth)
    hits = _centres_within(boxes, truth) if rule == "centre" else overlap >= LEAST_IOU
    scores = np.where(hits, sure[:, None], -np.inf).max(axis=0, initial=-np.inf)
    false = sure[~hits.any(axis=1) & ~_centres_within(boxes, left_out).any(axis=1)]
    best = [
        overlap[np.where(hits[:, m], sure, -np.inf).argmax(), m] if hits[:, m].any() else np.nan
        for m in range(len(truth))
    ]
    return JudgedImage(scores, false, np.asarray(best, dtype=float))


def operating_point(images: Sequence[JudgedImage], false_findings: float) -> Operating:
    """Return the point of the highest sensitivity at so many false findings an image at most.

    Args:
        images: judged, at least one.
        false_findings: per image, above 0.
    """
    masses = np.concatenate([image.masses for image in images])
    false = -np.sort(-np.concatenate([image.false for image in images]))
    allowed = int(np.floor(false_findings * len(images) + 1e-9))
    # the threshold lies just above the first false finding too many
    threshold = float(np.nextafter(false[allowed], np.inf)) if allowed < len(false) else 0.0
    hit = float((masses >= threshold).mean()) if len(masses) else float("nan")
    return Operating(threshold, hit, float((false >= threshold).sum()) / len(images))


def _centres_within(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether the centre of each box lies in each of the others, `(n, m)`."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    low, high = centres[:, None] >= others[None, :, :2], centres[:, None] <= others[None, :, 2:]
    within: NDArray[np.bool_] = np.all(low & high, axis=2)
    return within
