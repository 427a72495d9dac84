"""Small mammograms with one bright mass, and a network that finds what is bright, for the finder's tests."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from monai_rescunet.finding.targets import UNIT_SIDE

SIZE = (300, 420)
MASS = (90.0, 170.0, 120.0, 210.0)
"""Box of the mass of `mammogram`, whose chest wall is left."""


def mammogram(bits: int = 8, mass: bool = True) -> Tensor:
    """Return `(1, columns, rows)`: half an ellipse of tissue at the left edge, in it a bright ellipse."""
    x, y = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    picture = np.where((x / 220) ** 2 + ((y - 210) / 180) ** 2 < 1, 0.35 + 0.05 * np.sin(x / 9) * np.sin(y / 7), 0.0)
    if mass:
        centre = (MASS[0] + MASS[2]) / 2, (MASS[1] + MASS[3]) / 2
        sides = MASS[2] - MASS[0], MASS[3] - MASS[1]
        picture[((x - centre[0]) / sides[0]) ** 2 + ((y - centre[1]) / sides[1]) ** 2 <= 0.25] = 1.0
    return torch.from_numpy(np.rint(picture * (2**bits - 1)).astype(np.int32))[None]


class BrightestIsMass(nn.Module):
    """Takes for a mass what is white in the frame, and tells its size by its area there."""

    def forward(self, frame: Tensor) -> Tensor:
        """Return the maps of a frame, `(1, 4, columns / 2, rows / 2)`."""
        white = F.avg_pool2d((frame > 0.9).float(), 2)
        smooth = F.avg_pool2d(white, 9, stride=1, padding=4)
        logits = 12 * smooth - 6
        there = (white[0, 0] > 0.5).nonzero()
        sides = (there.amax(0) - there.amin(0) + 1) * 2.0 if len(there) else torch.ones(2)
        sizes = torch.log(sides / UNIT_SIDE)[None, :, None, None].expand(1, 2, *white.shape[2:])
        return torch.cat([logits, logits, sizes], dim=1)
