"""What results need of a mass's outline: its centre, the line round it, and the figures beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from monai_rescunet.core.classes import NO_FINDING, NO_LESION
from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms.outline import Outline

__all__ = ["centre_of", "number_of", "outline_of", "outlined", "polygon_of"]

SMOOTHNESS = 0.3  # pixels by which a polygon may leave out a corner of the pixels' edge
MOST_VERTICES = 4000  # of a polygon: an element of floats holds 64 KiB, 8,191 vertices


def centre_of(outline: Outline) -> tuple[float, float]:
    """Return a mass's centre `(x, y)` in DICOM's image coordinates, in any case a place within the mass.

    0 is the outer edge of the first pixel, whose middle is 0.5 (PS3.3 C.18.6.1.2). Of a mass bent round its centre of
    gravity it is the pixel that lies nearest to that.
    """
    largest = _largest(outline.mask)
    pixels = np.argwhere(largest)
    middle = pixels.mean(axis=0)
    nearest = pixels[np.argmin(((pixels - middle) ** 2).sum(axis=1))]
    x, y = (middle if largest[tuple(np.round(middle).astype(int))] else nearest) + outline.corner + 0.5
    return float(x), float(y)


def polygon_of(outline: Outline) -> np.ndarray:
    """Return the closed line round a mass, `(vertices, 2)` of x and y, in the coordinates of `centre_of`.

    Of several parts it is that of the largest; holes are passed over.
    """
    filled = ndimage.binary_fill_holes(np.pad(_largest(outline.mask), 1))
    line = max(find_contours(filled.astype(np.float32), 0.5), key=len)
    tolerance = SMOOTHNESS
    polygon = approximate_polygon(line, tolerance)
    while len(polygon) > MOST_VERTICES:
        tolerance *= 2
        polygon = approximate_polygon(line, tolerance)
    return np.asarray(polygon - 1 + outline.corner + 0.5, dtype=float)


def outline_of(mass: Mapping[str, Any], size: tuple[int, int], source: str | Path) -> Outline | None:
    """Return a mass's outline; None where it has none: an empty mask, `no lesion`, `no finding`.

    Args:
        mass: with `mask`, a bool array `(columns, rows)` of the image's size; or of a region of it, whose first pixel
            lies at `corner`, `(column, row)`.
        size: columns and rows of the image.
        source: the image's file, for the error.

    Raises:
        InputError: the mask is not of the image's size, or its region does not lie in the image.
    """
    if mass["decision"] in (NO_LESION, NO_FINDING):
        return None
    mask, corner = np.asarray(mass["mask"]), mass.get("corner")
    x, y = (0, 0) if corner is None else (int(value) for value in corner)
    fits = mask.ndim == 2 and min(x, y) >= 0 and x + mask.shape[0] <= size[0] and y + mask.shape[1] <= size[1]
    if not fits or (corner is None and mask.shape != size):
        where = "" if corner is None else f" at {(x, y)}"
        raise InputError(
            f"{source}: the mask of mass {mass.get('mass', 0)} has the shape {mask.shape}{where}; expected {size}, "
            "the image's columns and rows, or a region of them"
        )
    outline = Outline.of(mask, (x, y))
    return outline if outline.area else None


def outlined(
    masses: Sequence[Mapping[str, Any]], size: tuple[int, int], source: str | Path
) -> list[tuple[Mapping[str, Any], Outline]]:
    """Return the masses that have an outline, with it.

    Raises:
        InputError: a mask does not fit the image.
    """
    outlines = [(mass, outline_of(mass, size, source)) for mass in masses]
    return [(mass, outline) for mass, outline in outlines if outline is not None]


def number_of(mass: Mapping[str, Any], name: str) -> float | None:
    """Return a figure of a mass; None where it has none, as a table's empty cell too."""
    value = mass.get(name)
    return None if value is None or value == "" or math.isnan(float(value)) else float(value)


def _largest(mask: np.ndarray) -> np.ndarray:
    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    return mask if count <= 1 else np.asarray(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))
