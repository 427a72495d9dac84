"""The grey levels of a mammogram as a person looks at them, made from the same array as the network's input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["to_picture"]

PERCENTILES = (0.1, 99.9)  # shown as black and white where the header says nothing
SAMPLED = 1 << 20  # pixels that percentiles are taken of
ROWS = 64  # looked up at once, so that no index of the whole image is in memory


def to_picture(array: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
    """Return a mammogram as its header says it is to be looked at, else from its darkest to its brightest levels.

    Args:
        array: what `read_mammogram` returned, `(columns, rows)`.
        meta: likewise.

    Returns:
        uint8, `(columns, rows)`, 0 black, air dark and tissue bright.
    """
    table = meta.get("picture_table")
    if table is None:
        table, low = _table(array)
        if table is None:
            return _stretched(array)
    else:
        table, low = np.asarray(table), int(meta["picture_low"])
    rows = array.T
    picture = np.empty(rows.shape, np.uint8)
    for start in range(0, len(rows), ROWS):
        levels = rows[start : start + ROWS]
        picture[start : start + ROWS] = table[levels if low == 0 else levels.astype(np.int32) - low]
    return picture.T


def _ends(array: np.ndarray) -> tuple[float, float]:
    step = max(1, round((array.size / SAMPLED) ** 0.5))
    low, high = np.percentile(array[::step, ::step], PERCENTILES)
    return float(low), float(high)


def _table(array: np.ndarray) -> tuple[np.ndarray | None, int]:
    """Return the table of levels of few bytes, and the level that it begins with."""
    if array.dtype.kind not in "ui" or array.dtype.itemsize > 2:
        return None, 0
    kind = np.iinfo(array.dtype)
    low, high = _ends(array)
    levels = np.arange(kind.min, int(kind.max) + 1)
    return (np.clip((levels - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8), int(kind.min)


def _stretched(array: np.ndarray) -> np.ndarray:
    low, high = _ends(array)
    scaled = np.clip((array.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255
    return np.asarray(scaled.astype(np.uint8))
