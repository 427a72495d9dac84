"""Grey levels for a person's eye, from any mammogram."""

from __future__ import annotations

import numpy as np

__all__ = ["to_display_grey"]

DARKEST, BRIGHTEST = 0.1, 99.9  # percentiles that become black and white
MOST_LEVELS = 2**16


def to_display_grey(picture: np.ndarray) -> np.ndarray:
    """Return a picture's grey levels between its percentiles 0.1 and 99.9, uint8, 0 to 255, of its shape.

    Args:
        picture: grey levels of any range.
    """
    if picture.dtype.kind in "ui":
        least, most = int(picture.min()), int(picture.max())
        if most - least < MOST_LEVELS:  # a histogram and a table are many times faster than sorting
            shifted = picture if least == 0 and picture.dtype.kind == "u" else (picture.astype(np.int64) - least)
            counts = np.bincount(shifted.ravel(order="K"), minlength=most - least + 1)
            low, high = _percentiles(counts)
            return _scaled(np.arange(len(counts)), low, high)[shifted]
    low, high = np.percentile(picture, (DARKEST, BRIGHTEST))
    return _scaled(picture, low, high)


def _percentiles(counts: np.ndarray) -> tuple[int, int]:
    """Return the grey levels at both percentiles from a histogram."""
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, share / 100 * below[-1])) for share in (DARKEST, BRIGHTEST))
    return low, high


def _scaled(picture: np.ndarray, low: float, high: float) -> np.ndarray:
    return (np.clip((picture.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
