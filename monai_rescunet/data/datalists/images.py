"""From entries a mass, as a datalist has them, to entries an image, as inference goes through them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["LOCATIONS", "group_by_image"]

LOCATIONS = ("box", "point", "label", "contour", "crop")
"""Keys of which each says where a mass is; `crop` that it is the whole image."""
OF_A_MASS = (*LOCATIONS, "mass", "class", "found", "finding", "others")
"""Keys that belong to one mass; all others belong to its image."""


def group_by_image(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one entry an image, in the order of each image's first mass.

    Args:
        entries: of a datalist, one a mass.

    Returns:
        Entries with `image`, what else belongs to the image, and `masses`, what belongs to each mass. An entry that
        stands alone and says nowhere where its mass is stays as it is, without `masses`, for the finder to look at; so
        do those that have them.
    """
    images: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        images.setdefault(str(entry["image"]), []).append(entry)
    return [_grouped(of_one_image) for of_one_image in images.values()]


def _grouped(entries: list[dict[str, Any]]) -> dict[str, Any]:
    first = entries[0]
    if len(entries) == 1 and ("masses" in first or not any(first.get(key) for key in LOCATIONS)):
        return first
    image = {key: value for key, value in first.items() if key not in OF_A_MASS}
    return {**image, "masses": [{key: entry[key] for key in OF_A_MASS if key in entry} for entry in entries]}
