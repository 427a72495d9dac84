"""The masses of one image in one label map, and the captions of its overlay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monai_rescunet.core.classes import BACKGROUND, CLASS_VALUES, NO_FINDING, NO_LESION, UNDECIDED
from monai_rescunet.transforms.outline import Outline

__all__ = ["LabelPainter"]


class LabelPainter:
    """Gather the masses of an image and paint them; where they overlap, the one with the higher score wins.

    Args:
        size: (columns, rows) of the image.

    Attributes:
        boxes: `(x_min, y_min, x_max, y_max)` of each mass that the finder proposed.
        captions: for each mass the corner of its outline `(x, y)` and decision and score, as `draw_overlay` takes them.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = int(size[0]), int(size[1])
        self.boxes: list[tuple[float, ...]] = []
        self.captions: list[tuple[tuple[float, float], str]] = []
        self._masses: list[tuple[float, int, int, Outline]] = []

    def add(self, mask: np.ndarray | Outline, mass: Mapping[str, Any]) -> None:
        """Add a mass, which has the value of its decision.

        Args:
            mask: its outline, or a mask `(columns, rows)` of the image's size; what is not 0 is painted.
            mass: `decision` and `score`, and of a mass that the finder proposed `found` and `box`, as in `results.csv`.
        """
        outline = mask if isinstance(mask, Outline) else Outline.of(mask)
        decision, score = mass["decision"], mass["score"]
        value = CLASS_VALUES.get(decision, UNDECIDED)
        self._masses.append((-1.0 if score is None else float(score), -len(self._masses), value, outline))
        caption = decision or "mass"
        if score is not None and decision not in (NO_LESION, NO_FINDING):
            caption += f" {score:.2f}"
        x, y = map(float, outline.corner if outline.area else (0, 0))
        if mass.get("found") is not None and mass.get("box"):
            self.boxes.append(tuple(float(edge) for edge in str(mass["box"]).split()))
            x, y = self.boxes[-1][:2]
            caption += f", found {float(mass['found']):.2f}"
        self.captions.append(((x, y), caption))

    @property
    def label(self) -> np.ndarray:
        """The label map, `(columns, rows)`, uint8."""
        label = np.full(self.size[::-1], BACKGROUND, dtype=np.uint8).T  # rows lie together, as pictures are written
        for *_, value, outline in sorted(self._masses, key=lambda mass: mass[:2]):  # the winner last
            label[outline.slices][outline.mask] = value
        return label

    @property
    def regions(self) -> list[tuple[slice, slice]]:
        """Columns and rows of each mass that has an outline."""
        return [outline.slices for *_, outline in self._masses if outline.area]
