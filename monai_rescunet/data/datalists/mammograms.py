"""A datalist's masses brought together by their mammogram, as the finder is taught and judged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.datalists.entries import FINDINGS

__all__ = ["mammograms"]


def mammograms(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one entry an image, with `boxes` and `classes` of its masses and the `ignored` boxes.

    An entry of the datalist is a mass by its `box`; with `finding: none` it says that its image has no mass, and with
    `finding: unsure` that nobody knows whether its `box` holds one, so that the finder is neither taught to find it nor
    to pass it over, nor judged by it.

    Args:
        entries: of `read_datalist`.

    Raises:
        InputError: an entry has no box where it needs one, or an unknown `finding`, or an image without masses has one.
    """
    images: dict[str, dict[str, Any]] = {}
    kinds: dict[str, set[str]] = {}
    for entry in entries:
        name, kind = entry["image"], entry.get("finding", "mass")
        if kind not in FINDINGS:
            raise InputError(f"{name}: finding is {kind!r}; expected one of {', '.join(FINDINGS)}")
        box = entry.get("box")
        if (box is None) != (kind == "none"):
            raise InputError(
                f"{name}: an entry with finding {kind} has {'no box' if box is None else 'a box'}; the finder is "
                "taught by boxes: give each mass one, and mark an image without a mass `finding: none`"
            )
        kinds.setdefault(name, set()).add(kind)
        of_mass = ("box", "class", "mass", "finding", "label", "contour", "point")
        image = images.setdefault(
            name,
            {key: value for key, value in entry.items() if key not in of_mass}
            | {"boxes": [], "classes": [], "ignored": []},
        )
        if kind == "mass":
            image["boxes"].append(box)
            image["classes"].append(entry.get("class", ""))
        elif kind == "unsure":
            image["ignored"].append(box)
    for name, seen in kinds.items():
        if "none" in seen and "mass" in seen:
            raise InputError(f"{name}: has a mass, and an entry that says that it has none: correct the datalist")
    return list(images.values())
