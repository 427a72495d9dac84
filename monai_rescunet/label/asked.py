"""What a client of MONAI Label asks for, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from monai_rescunet.core.errors import InputError

__all__ = [
    "OTSU_MODES",
    "SUFFIXES",
    "asked_flag",
    "asked_number",
    "asked_options",
    "asked_places",
    "asked_suffix",
    "asked_whole",
]

OTSU_MODES = ("anchored", "paper")
SUFFIXES = (".png", ".nrrd", ".seg.nrrd", ".nii", ".nii.gz")
"""Of the formats in which label maps are sent."""


def asked_flag(params: Mapping[str, Any], name: str) -> bool:
    """Return a value that is true or false; text fields of viewers send it as text.

    Raises:
        InputError: it is neither.
    """
    value = params[name]
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise InputError(f"{name} is {value!r}; expected true or false")
    return value


def asked_number(params: Mapping[str, Any], name: str, least: float, most: float) -> float:
    """Return a number; text fields of viewers send it as text.

    Raises:
        InputError: it is none, or not from `least` to `most`.
    """
    value = params[name]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= most:
        raise InputError(f"{name} is {value!r}; expected a number from {least:g} to {most:g}")
    return number


def asked_whole(params: Mapping[str, Any], name: str, least: int, most: int) -> int:
    """Return a whole number.

    Raises:
        InputError: it is none, or not from `least` to `most`.
    """
    number = asked_number(params, name, least, most)
    if number != int(number):
        raise InputError(f"{name} is {params[name]!r}; expected a whole number from {least} to {most}")
    return int(number)


def asked_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the inference config that a client may change.

    Raises:
        InputError: one of them is none that the config takes.
    """
    mode = params["otsu_mode"]
    chosen = mode[0] if isinstance(mode, list) and mode else mode  # viewers send the choices, the chosen one in front
    if chosen not in OTSU_MODES:
        raise InputError(f"otsu_mode is {mode!r}; expected {' or '.join(OTSU_MODES)}")
    return {
        "otsu_mode": chosen,
        "lesion_floor": asked_number(params, "lesion_floor", 0, 255),
        "roi_context": asked_number(params, "roi_context", 1, 10),
        "test_time_flips": asked_flag(params, "test_time_flips"),
    }


def asked_places(params: Mapping[str, Any]) -> tuple[list[list[float]], list[list[float]]]:
    """Return boxes `[x_min, y_min, x_max, y_max]` and points `[x, y]`, pixels of the stored image.

    They come as `box` and `point`; as `roi`, the region that 3D Slicer draws, `[x, x, y, y, z, z]` in either order; or
    as `foreground`, the clicks of 3D Slicer and OHIF, which may name a slice, and which a region makes needless.

    Raises:
        InputError: they are no such lists of numbers.
    """
    boxes = _rows(params, "box", 4, "[x_min, y_min, x_max, y_max] or a list of them")
    points = _rows(params, "point", 2, "[x, y] or a list of them")
    regions = _rows(params, "roi", 6, "[x_min, x_max, y_min, y_max, z_min, z_max]")
    boxes += [[min(x), min(y), max(x), max(y)] for x, y in ((row[:2], row[2:4]) for row in regions)]
    if not boxes and not points:
        points = _rows({"foreground": _in_plane(params.get("foreground"))}, "foreground", 2, "a list of points, [x, y]")
    return boxes, points


def asked_suffix(params: Mapping[str, Any], default: str) -> str:
    """Return how the name of the label map's file is to end, which says its format.

    Raises:
        InputError: `result_extension` is none of `SUFFIXES`.
    """
    suffix = params.get("result_extension", default)
    if suffix not in SUFFIXES:
        raise InputError(f"result_extension is {suffix!r}; expected {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    return suffix


def _rows(params: Mapping[str, Any], name: str, length: int, form: str) -> list[list[float]]:
    """Return a list of lists of so many numbers from none, one or several."""
    value = params.get(name)
    if value is None or value == []:
        return []
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    rows = array[None] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != length or not np.isfinite(rows).all():
        raise InputError(f"{name} is {value!r}; expected {form}")
    return [[float(number) for number in row] for row in rows]


def _in_plane(clicks: Any) -> Any:
    """Return clicks `[x, y, slice]` as `[x, y]`: a mammogram has one slice."""
    if not isinstance(clicks, list):
        return clicks
    return [click[:2] if isinstance(click, list) else click for click in clicks]
