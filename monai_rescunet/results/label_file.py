"""Label maps and pictures as the content of files, marked as results."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import nibabel
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from monai_rescunet.core.classes import CLASS_VALUES, COLOURS, UNDECIDED
from monai_rescunet.core.files import png_bytes
from monai_rescunet.core.result_names import RESULT_MARK

__all__ = ["label_nifti", "label_png", "overlay_png"]

FASTEST = 1  # level of zlib: label maps become small at any level, and noise at none


def label_png(label: np.ndarray, source: str) -> bytes:
    """Return a PNG of the values of a label map, with a palette that shows them.

    Args:
        label: `(columns, rows)`, uint8.
        source: what tells the image from all others, at most 16 characters.
    """
    image = Image.fromarray(np.ascontiguousarray(label.T))
    palette = np.zeros((256, 3), dtype=np.uint8)
    for value in (*CLASS_VALUES.values(), UNDECIDED):
        palette[value] = COLOURS[value]
    image.putpalette(palette.ravel().tolist())
    return png_bytes(image, compress_level=FASTEST, pnginfo=_mark(source))


def label_nifti(label: np.ndarray, source: str, meta: Mapping[str, Any]) -> bytes:
    """Return a compressed NIfTI of a label map in the shape and place of its image.

    Args:
        label: `(columns, rows)`, uint8.
        source: as in `label_png`.
        meta: the image's metadata, as `MammogramReader` gives it.
    """
    shape = tuple(int(n) for n in meta.get("nifti_shape", label.shape))
    image = nibabel.Nifti1Image(label.reshape(shape, order="F"), np.asarray(meta["original_affine"]))
    image.header["descrip"] = f"{RESULT_MARK} {source}".encode()
    if "spacing" in meta:
        image.header.set_xyzt_units(meta.get("nifti_unit", "mm"))
    return gzip.compress(image.to_bytes(), compresslevel=FASTEST, mtime=0)


def overlay_png(picture: Image.Image, source: str) -> bytes:
    """Return what `draw_overlay` drew as a PNG."""
    return png_bytes(picture, compress_level=FASTEST, pnginfo=_mark(source))


def _mark(source: str) -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", f"{RESULT_MARK} {source}")
    return info
