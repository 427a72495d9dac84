"""Label maps and pictures as PNG files, marked as results."""

from __future__ import annotations

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from monai_rescunet.core.classes import CLASS_VALUES, COLOURS, UNDECIDED
from monai_rescunet.core.files import png_bytes
from monai_rescunet.core.result_names import RESULT_MARK

__all__ = ["label_png", "overlay_png"]

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


def overlay_png(picture: Image.Image, source: str) -> bytes:
    """Return what `draw_overlay` drew as a PNG."""
    return png_bytes(picture, compress_level=FASTEST, pnginfo=_mark(source))


def _mark(source: str) -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", f"{RESULT_MARK} {source}")
    return info
