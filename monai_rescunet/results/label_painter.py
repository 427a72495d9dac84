"""The masses of one image in one label map, and the captions of its overlay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monai_rescunet.core.classes import BACKGROUND, CLASS_VALUES, NO_LESION, UNDECIDED

__all__ = ["LabelPainter"]


class LabelPainter:
    """Paint masses one after the other; where they overlap, the one with the higher score wins.

    Args:
        size: (columns, rows) of the image.

    Attributes:
        label: label map, `(columns, rows)`, uint8.
        captions: for each mass the corner of its outline `(x, y)` and decision and score, as `draw_overlay` takes them.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.label = np.full(tuple(size), BACKGROUND, dtype=np.uint8)
        self.captions: list[tuple[tuple[float, float], str]] = []
        self._winner = np.full(tuple(size), -np.inf, dtype=np.float32)

    def add(self, mask: np.ndarray, mass: Mapping[str, Any]) -> None:
        """Paint a mass with the value of its decision.

        Args:
            mask: its outline, `(columns, rows)`; what is not 0 is painted.
            mass: `decision` and `score`.
        """
        decision, score = mass["decision"], mass["score"]
        value = -1.0 if score is None else float(score)
        wins = (mask > 0) & (value > self._winner)
        self.label[wins] = CLASS_VALUES.get(decision, UNDECIDED)
        self._winner[wins] = value
        caption = decision or "mass"
        if score is not None and decision != NO_LESION:
            caption += f" {score:.2f}"
        columns, rows = np.nonzero(mask)
        corner = (float(columns.min()), float(rows.min())) if len(columns) else (0.0, 0.0)
        self.captions.append((corner, caption))
