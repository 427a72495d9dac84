"""Regions of interest as OsiriX exports them: an XML property list with a contour a region, as INbreast has them."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError

import numpy as np

from monai_rescunet.core.errors import InputError

__all__ = ["OsirixROI", "draw_region", "read_osirix_rois"]

FURTHEST = 10
"""How far outside an image a point may lie, in lengths of the image: real contours leave it by a few pixels."""

ON_LINE = 1e-9
"""How far from a line, in pixels, a pixel's centre counts as on it: what rounding moves it by."""

POINT = re.compile(r"\(\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*\)")


class OsirixROI(NamedTuple):
    """One region of interest.

    Attributes:
        number: in the file, from 0.
        name: as the reader wrote it, trimmed.
        points: of the contour, `(n, 2)`, (x, y) in pixels; it closes from the last to the first.
    """

    number: int
    name: str
    points: np.ndarray

    @property
    def is_region(self) -> bool:
        """Whether the contour encloses anything: one or two points, or points in a line, do not."""
        return len(self.points) >= 3 and int(np.linalg.matrix_rank(self.points - self.points[0])) == 2


def read_osirix_rois(path: Path) -> list[OsirixROI]:
    """Return the regions of interest of an image.

    Raises:
        InputError: the file is no XML property list, declares entities, or is not as OsiriX writes it.
    """
    try:
        content = plistlib.loads(path.read_bytes(), fmt=plistlib.FMT_XML)
    except (plistlib.InvalidFileException, ExpatError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{path}: is no XML property list ({error}); export the regions from OsiriX again") from error
    except (LookupError, RecursionError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); export the regions from OsiriX again") from error
    try:
        (image,) = content["Images"]
        listed, number = image["ROIs"], int(image["NumberOfROIs"])
        rois = [OsirixROI(index, *_named_points(path, index, roi)) for index, roi in enumerate(listed)]
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: is not as OsiriX writes it ({type(error).__name__}: {error}); expected one image in Images, with "
            "NumberOfROIs and ROIs that have Name and Point_px"
        ) from error
    if len(rois) != number:
        raise InputError(f"{path}: NumberOfROIs is {number} and there are {len(rois)} ROIs; export the file again")
    return rois


def _named_points(path: Path, index: int, roi: dict[str, Any]) -> tuple[str, np.ndarray]:
    points = []
    for text in roi["Point_px"]:
        match = POINT.fullmatch(text.strip())
        try:
            point = [float(match[1]), float(match[2])] if match else [np.nan, np.nan]
        except ValueError:
            point = [np.nan, np.nan]
        if not np.isfinite(point).all():
            raise InputError(f"{path}: ROI {index} has the point {text!r}; expected '(x, y)' in pixels")
        points.append(point)
    return str(roi.get("Name", "")).strip(), np.asarray(points, dtype=float).reshape(-1, 2)


def draw_region(points: np.ndarray, image_size: Sequence[int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the pixels that a contour encloses, in the smallest window that holds them.

    Where a contour crosses itself, all that it goes round is inside: the non-zero winding rule.

    Args:
        points: `(n, 2)`, (x, y) in pixels.
        image_size: (columns, rows); what lies outside is cut off.

    Returns:
        The mask, bool, `(width, height)`, and where in the image its corner lies, (x, y). Nothing inside gives an
        empty window.

    Raises:
        InputError: a point lies further outside than any contour does.
    """
    limit = FURTHEST * max(image_size, default=0)
    far = points[(np.abs(points) > limit).any(axis=1)]
    if len(far):
        raise InputError(
            f"a contour has the point ({far[0, 0]:g}, {far[0, 1]:g}), far outside the image of {image_size[0]} columns "
            f"and {image_size[1]} rows: correct the contour"
        )
    if len(points) == 0:
        return np.zeros((0, 0), dtype=bool), (0, 0)
    ends = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 2
    low, high = (np.clip(end, 0, image_size).astype(int) for end in ends)
    mask = _enclosed(points - low, tuple(high - low))
    x, y = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if len(x) == 0:
        return np.zeros((0, 0), dtype=bool), (0, 0)
    return mask[x[0] : x[-1] + 1, y[0] : y[-1] + 1], (int(low[0] + x[0]), int(low[1] + y[0]))


def _enclosed(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels whose centre a contour goes round, or runs through, `(width, height)`, bool."""
    turns = np.zeros((size[0] + 1, size[1]), dtype=int)
    on_line = np.zeros(size, dtype=bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            if y0.is_integer() and 0 <= y0 < size[1]:
                first, last = np.clip([np.ceil(min(x0, x1)), np.floor(max(x0, x1)) + 1], 0, size[0]).astype(int)
                on_line[first:last, int(y0)] = True
            continue
        low, high = sorted((y0, y1))
        rows = np.arange(*np.clip([np.ceil(low), np.floor(high) + 1], 0, size[1]), dtype=int)
        crossed = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
        nearest = np.rint(crossed).astype(int)
        through = (np.abs(crossed - nearest) < ON_LINE) & (nearest >= 0) & (nearest < size[0])
        on_line[nearest[through], rows[through]] = True
        once = rows < high  # two edges share a corner: one of them crosses its row, and what lies to its right is gone
        columns = np.clip(np.ceil(crossed[once]), 0, size[0]).astype(int)  # round once more
        turns[columns, rows[once]] += 1 if y1 > y0 else -1
    return (turns.cumsum(axis=0)[:-1] != 0) | on_line
