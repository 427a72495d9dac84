"""What every network here asks of its constructor's arguments and of its images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["LEVELS", "check_constructor", "check_size"]

LEVELS = 5
"""Resolutions of each network, and so the number of widths in `features`."""


def check_constructor(spatial_dims: int, features: Sequence[int]) -> None:
    """Refuse what no network here can be built from.

    Raises:
        ValueError: `spatial_dims` is not 2 or 3, or `features` has not five widths.
    """
    if spatial_dims not in (2, 3):
        raise ValueError(f"spatial_dims is {spatial_dims}; 2 and 3 are supported")
    if len(features) != LEVELS:
        raise ValueError(f"features has {len(features)} widths ({tuple(features)}); {LEVELS} are expected")


def check_size(x: Tensor, poolings: int) -> None:
    """Refuse an image that the poolings would leave without a pixel; scripted networks check it too.

    Args:
        x: images, `(B, C, *spatial)`.
        poolings: how many times the network halves them.

    Raises:
        ValueError: a side is too short; the message names the smallest that fits.
    """
    if torch.jit.is_tracing():  # a traced comparison would only warn
        return
    smallest = 1 << poolings
    size = list(x.shape[2:])
    if min(size) < smallest:
        raise ValueError(
            f"spatial size {size} is too small: {poolings} poolings need at least {smallest} pixels a side; "
            "pad or resize the image"
        )
