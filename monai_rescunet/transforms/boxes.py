"""Boxes and points round masses: `[x_min, y_min, x_max, y_max]` and `[x, y]`, pixels, x the column, max exclusive."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from monai_rescunet.core.errors import EMPTY_MASK, InputError

__all__ = ["Box", "box_pixels", "check_box", "check_point", "jitter_box", "lesion_box"]

Box = tuple[float, float, float, float]

ROUNDING = 1e-6  # pixels that a side may lack of what is asked for


def check_box(box: Sequence[float], image_size: Sequence[int]) -> Box:
    """Return the part of a box that lies in the image.

    Args:
        box: `[x_min, y_min, x_max, y_max]`.
        image_size: (columns, rows).

    Raises:
        InputError: not four finite numbers, under a pixel wide or high, or with more than half of its width or height
            outside the image, as boxes of another image have.
    """
    values = [float(value) for value in np.asarray(box, dtype=np.float64).ravel()]
    if len(values) != 4 or not np.isfinite(values).all() or values[0] >= values[2] or values[1] >= values[3]:
        raise InputError(f"the box is {values}; expected [x_min, y_min, x_max, y_max] with min below max")
    columns, rows = image_size
    width, height = values[2] - values[0], values[3] - values[1]
    if min(width, height) < 1 - ROUNDING:
        raise InputError(f"the box {values} is under a pixel wide or high; expected pixels, not fractions of the image")
    x_min, y_min, x_max, y_max = max(values[0], 0.0), max(values[1], 0.0), min(values[2], columns), min(values[3], rows)
    if x_max - x_min < max(1, width / 2) - ROUNDING or y_max - y_min < max(1, height / 2) - ROUNDING:
        raise InputError(
            f"the box {values} lies outside the image of {columns} columns and {rows} rows, or most of it: correct it"
        )
    return x_min, y_min, x_max, y_max


def box_pixels(box: Sequence[float]) -> tuple[slice, slice]:
    """Return the columns and the rows that a box touches, `[x_min, y_min, x_max, y_max]`."""
    return slice(math.floor(box[0]), math.ceil(box[2])), slice(math.floor(box[1]), math.ceil(box[3]))


def check_point(point: Sequence[float], image_size: Sequence[int]) -> tuple[float, float]:
    """Return a point of the image.

    Args:
        point: `[x, y]`.
        image_size: (columns, rows).

    Raises:
        InputError: not two finite numbers, or outside the image.
    """
    values = [float(value) for value in np.asarray(point, dtype=np.float64).ravel()]
    if len(values) != 2 or not np.isfinite(values).all():
        raise InputError(f"the point is {values}; expected [x, y]")
    x, y = values
    if not (0 <= x < image_size[0] and 0 <= y < image_size[1]):
        raise InputError(
            f"the point {values} lies outside the image of {image_size[0]} columns and {image_size[1]} rows: correct it"
        )
    return x, y


def lesion_box(label: Tensor) -> Box:
    """Return the box round all non-zero pixels of a label map.

    Args:
        label: `(C, columns, rows)`.

    Raises:
        InputError: the label map is empty.
    """
    lesion = torch.as_tensor(label).ne(0).any(dim=0)
    columns, rows = (lesion.any(dim=dim).nonzero().flatten() for dim in (1, 0))
    if len(columns) == 0:
        raise InputError(EMPTY_MASK)
    return float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1


def jitter_box(box: Box, image_size: Sequence[int], sigma: float, rng: np.random.Generator) -> Box:
    """Return the box with Gaussian noise on each edge, inside the image and at least one pixel wide and high.

    Args:
        box: a valid box.
        image_size: (columns, rows).
        sigma: standard deviation as a fraction of the box's side along the edge's axis.
        rng: source of the noise.
    """
    x_min, y_min, x_max, y_max = np.asarray(box) + rng.normal(0, sigma, 4) * np.tile(
        [box[2] - box[0], box[3] - box[1]], 2
    )
    columns, rows = image_size
    x_min, y_min = min(max(x_min, 0), columns - 1), min(max(y_min, 0), rows - 1)
    return (
        float(x_min),
        float(y_min),
        float(min(max(x_max, x_min + 1), columns)),
        float(min(max(y_max, y_min + 1), rows)),
    )
