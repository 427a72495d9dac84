"""Regions that a mammogram's masses lie in, painted into the finder's frame, where transforms move them with it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform
from monai.utils import TransformBackends
from torch import Tensor

from monai_rescunet.finding.placement import Placement

__all__ = ["IGNORED", "PaintRegionsd"]

IGNORED = 255
"""Value of what is neither taught as a mass nor as none."""


class PaintRegionsd(MapTransform):
    """Paint a mammogram's boxes into its frame, each as the ellipse that it holds.

    The map has 0 where there is no mass, 1, 2, ... in the masses and 255 in regions of which it is not known whether
    they hold one. Transforms that move the image move the map with it (nearest neighbour), and so the boxes.

    Args:
        keys: the framed mammogram, of `BreastFramed`.
        region_key: where the map goes, uint8, `(1, *frame_size)`.
        boxes_key, ignored_key: lists of `[x_min, y_min, x_max, y_max]` in the entry, pixels of the stored image.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: str = "image",
        region_key: str = "regions",
        boxes_key: str = "boxes",
        ignored_key: str = "ignored",
    ) -> None:
        super().__init__(keys)
        self.region_key, self.boxes_key, self.ignored_key = region_key, boxes_key, ignored_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its map."""
        d = dict(data)
        framed = d[self.keys[0]]
        placement = Placement(*framed.meta["placement"])
        regions = torch.zeros(tuple(framed.shape[1:]), dtype=torch.uint8)
        for box in d.get(self.ignored_key, ()):
            _paint(regions, placement.to_frame(box), IGNORED)
        # the largest first, so that a small mass within a large one is seen
        for number, box in enumerate(sorted(d.get(self.boxes_key, ()), key=_area, reverse=True)[: IGNORED - 1]):
            _paint(regions, placement.to_frame(box), number + 1)
        d[self.region_key] = regions[None]
        return d


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _paint(regions: Tensor, box: Sequence[float], value: int) -> None:
    """Paint the ellipse that a box holds."""
    columns, rows = (np.arange(length) + 0.5 for length in regions.shape)
    x, y = (columns - (box[0] + box[2]) / 2) / (box[2] - box[0]), (rows - (box[1] + box[3]) / 2) / (box[3] - box[1])
    regions[torch.from_numpy(x[:, None] ** 2 + y[None] ** 2 <= 0.25)] = value
