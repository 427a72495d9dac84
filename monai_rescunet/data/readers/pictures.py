"""Read one grey picture: PNG, JPEG, TIFF and PGM, turned as viewers show it, with all the bits it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import MetaKeys
from PIL import ExifTags, Image, ImageOps

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.channels import pillow_grey
from monai_rescunet.data.readers.tiff import is_tiff, read_tiff, tiff_size

__all__ = ["picture_format", "picture_size", "read_picture"]

FORMATS = ("PNG", "JPEG", "PPM")
"""Pillow's names of what is read through it; others that it knows are not asked, some of which start programs."""
PNG, DEPTH, COLOUR = b"\x89PNG", 24, 25  # where a PNG says bits a channel, and 0 or 3 if it has only one
SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange columns and rows


def picture_format(path: Path) -> str | None:
    """Return `png`, `jpeg`, `ppm` (PGM and its kin) or `tiff`; None if it is none, or its header is cut off."""
    try:
        if is_tiff(_head(path)):
            tiff_size(path)
            return "tiff"
        with Image.open(path, formats=FORMATS) as image:
            return {"MPO": "jpeg"}.get(str(image.format), str(image.format).lower())
    except Exception:  # each parser raises its own of a damaged header
        return None


def picture_size(path: Path) -> tuple[int, int]:
    """Return a picture's columns and rows as it is shown, from its header alone."""
    if is_tiff(_head(path)):
        return tiff_size(path)
    with Image.open(path, formats=FORMATS) as image:
        columns, rows = image.size
        return (rows, columns) if image.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS else (columns, rows)


def read_picture(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a picture's grey levels, `(columns, rows)`, turned as its Exif orientation says, and its metadata.

    Raises:
        InputError: several frames, colour, transparency, or a PNG whose 16 bits a channel nothing here reads.
    """
    head = _head(path)
    array = read_tiff(path) if is_tiff(head) else _through_pillow(path, head)
    return array.T, {MetaKeys.AFFINE: np.eye(4), "geometry": "none", "spacing_source": "unknown"}


def _through_pillow(path: Path, head: bytes) -> np.ndarray:
    if head[:4] == PNG and head[DEPTH] == 16 and head[COLOUR] not in (0, 3):
        raise InputError(
            f"{path}: has several channels of 16 bits, which would be read with 8; expected grey levels: "
            "save it as one channel of 16 bits, or as TIFF"
        )
    with Image.open(path, formats=FORMATS) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise InputError(f"{path}: holds {frames} frames; expected a single image: save the frame that counts")
        ImageOps.exif_transpose(image, in_place=True)
        return pillow_grey(image, path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(26)
