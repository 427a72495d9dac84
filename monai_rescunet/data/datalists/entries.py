"""One entry of a datalist, checked."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from monai_rescunet.core.classes import CLASS_VALUES
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.contour import split_contour
from monai_rescunet.data.readers.mammogram import image_size

__all__ = ["FINDINGS", "Entry", "absolute_path", "checked_entry", "has_mass", "path_below"]

Entry = dict[str, Any]

FINDINGS = MASS, NO_MASS, UNSURE = "mass", "none", "unsure"
"""Values of an entry's `finding`: a mass, the default; an image without one; a region that may hold one or not."""

OF_A_MASS = ("class", "label", "contour", "box", "point", "crop")
"""Keys that say something of a mass, which an image without one has none of."""


def has_mass(entry: Entry) -> bool:
    """Return whether an entry is a mass, rather than an image without one or an unsure region."""
    return bool(entry.get("finding", MASS) == MASS)


def absolute_path(path: str | Path) -> Path:
    """Return a path by the name that it was given: that of a folder behind a link may be a person's."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - follows no link


def path_below(folder: Path, relative: str) -> Path:
    """Return a path below a folder.

    Raises:
        InputError: it leads outside the folder, or there is no such file.
    """
    path = folder / relative
    try:
        inside, there = path.resolve().is_relative_to(folder.resolve()), path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a link to itself, a NUL
        raise InputError(f"the path {relative!r} cannot be followed ({error})") from error
    if not inside:
        raise InputError(f"the path {relative!r} leads outside {folder}: keep the data in one folder")
    if not there:
        raise InputError(f"there is no file {relative!r} in {folder}: correct the path, or put the file there")
    return path


def checked_entry(entry: Any, folder: Path) -> Entry:
    """Return an entry of a datalist with absolute paths and values of the right types.

    Args:
        entry: what stands in the JSON.
        folder: that its paths are relative to.

    Raises:
        InputError: it is no entry, names a file that is not there, or has a value outside its range.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise InputError(f"is {entry!r}; expected an object with 'image'")
    checked = dict(entry, image=str(path_below(folder, entry["image"])))
    if entry.get("label") is not None:
        names = [entry["label"]] if isinstance(entry["label"], str) else entry["label"]
        if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
            raise InputError(f"label is {entry['label']!r}; expected a path or a list of paths")
        files = [str(path_below(folder, name)) for name in names]
        checked["label"] = files[0] if len(files) == 1 else files
    if entry.get("contour") is not None:
        file, indices = split_contour(str(entry["contour"]))
        checked["contour"] = f"{path_below(folder, str(file))}#{','.join(map(str, indices))}"
    for key, length in (("box", 4), ("point", 2)):
        if entry.get(key) is not None:
            checked[key] = _numbers(entry[key], key, length)
    if entry.get("class") is not None and entry["class"] not in list(CLASS_VALUES):
        raise InputError(f"class is {entry['class']!r}; expected {' or '.join(CLASS_VALUES)}")
    for key in ("mass", "fold"):
        value = entry.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"{key} is {value!r}; expected a whole number from 0")
    if not isinstance(entry.get("crop", False), bool):
        raise InputError(f"crop is {entry['crop']!r}; expected true or false")
    if entry.get("crop") and checked.keys().isdisjoint(("box", "point")):
        checked["box"] = [0.0, 0.0, *map(float, image_size(Path(checked["image"])))]
    if entry.get("finding", MASS) not in list(FINDINGS):
        raise InputError(f"finding is {entry['finding']!r}; expected {', '.join(FINDINGS)}")
    if not isinstance(entry.get("case"), str | int | None):
        raise InputError(f"case is {entry['case']!r}; expected the patient's name, text")
    contradicting = [key for key in OF_A_MASS if entry.get(key) not in (None, False)]
    if entry.get("finding") == NO_MASS and contradicting:
        raise InputError(f"finding is none, and the entry has {', '.join(contradicting)}: correct one of them")
    return {key: value for key, value in checked.items() if value is not None}


def _numbers(value: Any, key: str, length: int) -> list[float]:
    if (
        not isinstance(value, list)
        or len(value) != length
        or not all(isinstance(v, int | float) and math.isfinite(v) for v in value)
    ):
        raise InputError(f"{key} is {value!r}; expected {length} numbers")
    if key == "box" and (value[0] >= value[2] or value[1] >= value[3]):
        raise InputError(f"box is {value}; expected [x_min, y_min, x_max, y_max] with min below max")
    return [float(v) for v in value]
