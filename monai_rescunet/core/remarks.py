"""What a person should know before believing an answer: the words of the column `remarks` of `results.csv`.

A remark stands in the metadata of an image, of which it then holds for every row, or in the entry of a mass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from monai.data import MetaTensor
from torch import Tensor

__all__ = [
    "BOX_CUT",
    "DISPLACED_IMPLANT",
    "IMPLANT",
    "INVERTED",
    "MAGNIFICATION",
    "NO_PROPOSAL",
    "ON_ITS_SIDE",
    "OUTSIDE_BREAST",
    "PHANTOM",
    "REMARKS",
    "SPECIMEN",
    "SPOT_COMPRESSION",
    "STRETCHED",
    "UNLIKE_TRAINING",
    "joined",
    "remark_image",
    "remarks_of",
    "with_remark",
]

Image = TypeVar("Image", bound=Tensor)

REMARKS = "remarks"
"""Under which metadata, entries and rows have them, as one text."""
SEPARATOR = "; "

INVERTED = "greys seem inverted"
ON_ITS_SIDE = "lies on its side"
STRETCHED = "taken for a stretched film"
OUTSIDE_BREAST = "box outside the breast"
BOX_CUT = "box cut at the edge"
NO_PROPOSAL = "no finding round the point"
UNLIKE_TRAINING = "unlike the training masses"
IMPLANT = "implant"
DISPLACED_IMPLANT = "implant displaced"
MAGNIFICATION = "magnification view"
SPOT_COMPRESSION = "spot compression view"
SPECIMEN = "tissue specimen"
PHANTOM = "phantom beside the breast"


def joined(*remarks: str | None) -> str:
    """Return remarks as one text, each once; what is None or blank is left out."""
    each = [remark for text in remarks if text for remark in text.split(SEPARATOR)]
    return SEPARATOR.join(dict.fromkeys(each))


def remarks_of(data: Mapping[Any, Any]) -> list[str]:
    """Return the remarks of metadata, an entry or a row, also of one that pandas read, which has NaN for none."""
    text = data.get(REMARKS)
    return text.split(SEPARATOR) if isinstance(text, str) and text else []


def with_remark(data: Mapping[str, Any], *remarks: str) -> dict[str, Any]:
    """Return metadata or an entry with remarks added."""
    return {**data, REMARKS: joined(data.get(REMARKS), *remarks)} if remarks else dict(data)


def remark_image(image: Image, *remarks: str) -> Image | MetaTensor:
    """Return an image with remarks added to its metadata, of the same pixels; itself where there are none."""
    if not any(remarks):
        return image
    plain, meta = (image.as_tensor(), image.meta) if isinstance(image, MetaTensor) else (image, {})
    applied = image.applied_operations if isinstance(image, MetaTensor) else None
    return MetaTensor(plain, meta=with_remark(meta, *remarks), applied_operations=applied)
