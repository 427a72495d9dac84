"""A look at a mammogram whose masses somebody gave: what speaks against them is remarked."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import TransformBackends
from torch import Tensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.remarks import (
    BOX_CUT,
    INVERTED,
    ON_ITS_SIDE,
    OUTSIDE_BREAST,
    remark_image,
    with_remark,
)
from monai_rescunet.finding.breast import air_is_bright, breast_mask, is_on_its_side, reduced_picture
from monai_rescunet.transforms.boxes import Box, box_pixels, check_box

__all__ = ["RemarkGivenMassesd"]

logger = logging.getLogger(__name__)

KEPT = 0.9
"""Part of a box's side that lies in the image at least; of less, the box was perhaps drawn on another image."""


class RemarkGivenMassesd(MapTransform):
    """Remark what speaks against masses that an entry has: the finder, which refuses such pictures, does not look.

    In the image's metadata: greys that seem to be inverted, and of masses with a point, round which the finder looks, a
    mammogram on its side. In a mass's entry: a box without any of the breast, or cut off at the image's edge. A
    box of one grey level gives the mass an `error`: there is no answer to it. An entry without a list of masses, or
    whose image is a crop of one, stays as it is.

    Args:
        keys: the mammogram, whole, `(C, columns, rows)`, one key.
        masses_key: where the entry may have its masses.
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, keys: KeysCollection, masses_key: str = "masses") -> None:
        super().__init__(keys)
        self.masses_key = masses_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with what is remarked."""
        d = dict(data)
        masses, key = d.get(self.masses_key), self.first_key(d)
        if not masses or any(mass.get("crop") for mass in masses):
            return d
        image: Tensor = d[key]
        name = str(getattr(image, "meta", {}).get("filename_or_obj", "the image"))
        reduced = reduced_picture(image)
        breast = breast_mask(reduced)
        inverted = air_is_bright(reduced)
        if inverted:
            d[key] = remark_image(image, INVERTED)
            logger.warning("%s: the background is white, and the greys seem inverted: the classes mean nothing", name)
        elif is_on_its_side(reduced, breast) and any(mass.get("box") is None and "point" in mass for mass in masses):
            d[key] = remark_image(image, ON_ITS_SIDE)
            logger.warning("%s: lies on its side, and the finder, asked for the box round a point, may be wrong", name)
        if inverted or not breast.any():
            breast.fill_(True)  # nobody knows where it is
        d[self.masses_key] = [_remarked(mass, image, breast, name) for mass in masses]
        return d


def _remarked(mass: Mapping[str, Any], image: Tensor, breast: Tensor, name: str) -> dict[str, Any]:
    """Return a mass with what is remarked of its box; `breast` is where the breast may be in the reduced picture."""
    size = tuple(image.shape[1:])
    try:
        box = None if mass.get("box") is None else check_box(mass["box"], size)
    except InputError:  # of which whoever crops its region tells
        box = None
    if box is None:
        return dict(mass)
    inside = image[0][box_pixels(box)]
    if inside.min() == inside.max():
        return {**mass, "error": InputError(f"{name}: the box {list(box)} holds one grey level: it is no mass's")}
    scale = [length / whole for length, whole in zip(breast.shape, size, strict=True)]
    overlaps = breast[box_pixels([edge * by for edge, by in zip(box, scale * 2, strict=True)])].any()
    remarks = [*([] if overlaps else [OUTSIDE_BREAST]), *([] if _is_kept(mass["box"], box) else [BOX_CUT])]
    for remark in remarks:
        logger.warning("%s: %s, %s: is it of this image?", name, remark, [float(edge) for edge in mass["box"]])
    return with_remark(mass, *remarks)


def _is_kept(drawn: Any, box: Box) -> bool:
    """Return whether most of a box as it was drawn is left."""
    return all(box[axis + 2] - box[axis] >= KEPT * (drawn[axis + 2] - drawn[axis]) for axis in (0, 1))
