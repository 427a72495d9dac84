"""A look at a mammogram whose masses somebody told: what he may have been wrong about is remarked."""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import TransformBackends, convert_to_tensor
from torch import Tensor

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.remarks import BOX_CUT, INVERTED, OUTSIDE_BREAST, REMARKS, joined, with_remark
from monai_rescunet.finding.breast import air_is_bright, breast_mask, reduced_picture
from monai_rescunet.transforms.boxes import Box, check_box

__all__ = ["RemarkToldMassesd"]

logger = logging.getLogger(__name__)

KEPT = 0.9
"""Part of a box's side that lies in the image at least; what is less was perhaps drawn on another one."""


class RemarkToldMassesd(MapTransform):
    """Remark what speaks against masses that an entry has: the finder, which refuses such pictures, does not look.

    Greys that seem to be inverted are remarked in the image's metadata; a box that lies in the air, or is cut off at
    the image's edge, in the mass's entry. A box of one grey level gives the mass an `error`: there is no answer to it.
    An entry without a list of masses, or whose image is a crop of one, stays as it is.

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
        masses = d.get(self.masses_key)
        if not masses or any(mass.get("crop") for mass in masses):
            return d
        image: MetaTensor = convert_to_tensor(d[self.first_key(d)], track_meta=True)
        name = image.meta.get("filename_or_obj", "the image")
        reduced = reduced_picture(image)
        if air_is_bright(reduced):
            image.meta[REMARKS] = joined(image.meta.get(REMARKS), INVERTED)
            d[self.first_key(d)] = image
            logger.warning(
                "%s: the background is white, the greys seem to be inverted: the classes are worth nothing then", name
            )
        breast = breast_mask(reduced)
        d[self.masses_key] = [self._remarked(mass, image, breast, str(name)) for mass in masses]
        return d

    def _remarked(self, mass: Mapping[str, Any], image: Tensor, breast: Tensor, name: str) -> dict[str, Any]:
        size = tuple(image.shape[1:])
        try:
            box = None if mass.get("box") is None else check_box(mass["box"], size)
        except InputError:  # of which whoever crops its region tells
            box = None
        if box is None:
            return dict(mass)
        columns, rows = (slice(math.floor(box[axis]), math.ceil(box[axis + 2])) for axis in (0, 1))
        inside = image[0, columns, rows]
        if inside.min() == inside.max():
            return {**mass, "error": InputError(f"{name}: the box {list(box)} holds one grey level: it is no mass's")}
        remarks = [
            *([] if _overlaps(box, breast, size) else [OUTSIDE_BREAST]),
            *([] if _is_kept(mass["box"], box) else [BOX_CUT]),
        ]
        for remark in remarks:
            logger.warning("%s: %s, %s: is it of this image?", name, remark, [float(edge) for edge in mass["box"]])
        return with_remark(mass, *remarks)


def _overlaps(box: Box, breast: Tensor, size: tuple[int, ...]) -> bool:
    """Return whether a box holds any of the breast, of which a small picture is given."""
    scale = [length / whole for length, whole in zip(breast.shape, size, strict=True)]
    columns, rows = (
        slice(math.floor(box[axis] * scale[axis]), math.ceil(box[axis + 2] * scale[axis])) for axis in (0, 1)
    )
    return bool(breast[columns, rows].any())


def _is_kept(drawn: Any, box: Box) -> bool:
    """Return whether most of a box as it was drawn is left."""
    return all(box[axis + 2] - box[axis] >= KEPT * (drawn[axis + 2] - drawn[axis]) for axis in (0, 1))
