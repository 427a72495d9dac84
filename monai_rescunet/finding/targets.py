"""What the finder's network is taught: where masses are, where their centres are, and how large they are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor
from torch import Tensor

from monai_rescunet.finding.regions import IGNORED

__all__ = ["MAP_NAMES", "STRIDE", "UNIT_SIDE", "FindingTargets", "FindingTargetsd"]

STRIDE = 2
"""Pixels of the frame that a pixel of the network's maps is wide and high."""
UNIT_SIDE = 32.0
"""Side of a box in the frame, pixels, of which the logarithm is taught as 0."""
MAP_NAMES = ("inside", "centre", "log_width", "log_height")
"""The network's maps, in their order; the targets have `counted` after them."""
SPREAD = 6.0
"""Side of a box over the standard deviation of the bump at its centre."""


class FindingTargets(Transform):
    """Make the network's targets of a map of regions.

    Their channels are `inside`, 1 in the masses; `centre`, a bump of height 1 in the middle of each; `log_width` and
    `log_height`, of the box over 32 pixels, the same throughout a mass; and `counted`, 0 in regions that are ignored.
    """

    backend = [TransformBackends.TORCH]

    def __call__(self, regions: Tensor) -> Tensor:
        """Return the targets, `(5, columns / 2, rows / 2)`, float32.

        Args:
            regions: `(1, columns, rows)` as `PaintRegionsd` makes them, sides even.
        """
        plain = convert_to_tensor(regions, track_meta=False)[0]
        small = plain[::STRIDE, ::STRIDE]
        targets = torch.zeros((5, *small.shape), device=plain.device)
        targets[4] = (small != IGNORED).float()
        for value in plain.unique().tolist():
            if value in (0, IGNORED):
                continue
            there = plain == value
            ends = [there.any(dim=1 - axis).nonzero().flatten()[[0, -1]] for axis in (0, 1)]
            bumps = []
            for (first, last), length in zip(ends, small.shape, strict=True):
                side = float(last - first + 1)
                middle = (float(first + last) + 1) / 2 / STRIDE - 0.5
                sigma = max(side / STRIDE / SPREAD, 0.7)
                offsets = torch.arange(length, device=plain.device) - middle
                bumps.append(torch.exp(-(offsets**2) / (2 * sigma**2)))
            targets[1] = torch.maximum(targets[1], bumps[0][:, None] * bumps[1][None])
            mass = there[::STRIDE, ::STRIDE]
            targets[0][mass] = 1
            for channel, (first, last) in zip((2, 3), ends, strict=True):
                targets[channel][mass] = torch.log((last - first + 1) / UNIT_SIDE)
        return targets


class FindingTargetsd(MapTransform):
    """Dictionary form of `FindingTargets`.

    Args:
        keys: the maps of regions.
    """

    backend = FindingTargets.backend

    def __init__(self, keys: KeysCollection) -> None:
        super().__init__(keys)
        self.targets = FindingTargets()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with targets in the place of its maps."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.targets(d[key])
        return d
