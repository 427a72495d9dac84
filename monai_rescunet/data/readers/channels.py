"""One grey channel of a picture that may have several: colours that agree, alpha that hides nothing, a palette."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from monai_rescunet.core.classes import UNDECIDED
from monai_rescunet.core.errors import InputError

__all__ = ["one_channel", "pillow_grey", "through_palette"]

GREY_MODES = ("L", "I", "I;16", "I;16B", "I;16L", "F")


def one_channel(array: np.ndarray, colours: int, path: Path) -> np.ndarray:
    """Return the grey levels, `(rows, columns)`, of `(rows, columns, samples)`.

    Args:
        array: the samples; those beyond the colours are alpha.
        colours: 1 or 3.
        path: of the file, for messages.

    Raises:
        InputError: the colours differ somewhere, or something is transparent.
    """
    opaque = 1 if array.dtype.kind in "bf" else np.iinfo(array.dtype).max
    if any((array[..., sample] != opaque).any() for sample in range(colours, array.shape[2])):
        raise InputError(f"{path}: has transparent pixels; expected a grey image without transparency")
    if any((array[..., 0] != array[..., sample]).any() for sample in range(1, colours)):
        raise InputError(f"{path}: is a colour image; expected grey levels: save it as one channel")
    return np.ascontiguousarray(array[..., 0])


def through_palette(indices: np.ndarray, palette: np.ndarray, path: Path) -> np.ndarray:
    """Return the grey levels that indices stand for; of a label map with colours to look at, the indices.

    Args:
        indices: `(rows, columns)`.
        palette: `(entries, 3)`.
        path: of the file, for messages.

    Raises:
        InputError: a colour image.
    """
    used = np.unique(indices)
    greys = palette[used]
    told = len(np.unique(greys, axis=0)) == len(used) and (greys == greys[:, :1]).all()
    if not told and used.max() <= UNDECIDED:
        return indices
    if (greys != greys[:, :1]).any():
        raise InputError(f"{path}: is a colour image (a palette); expected grey levels: save it as one channel")
    return np.asarray(palette[:, 0].astype(np.uint8)[indices])


def pillow_grey(image: Image.Image, path: Path) -> np.ndarray:
    """Return the grey levels, `(rows, columns)`, of an image that Pillow has opened.

    Raises:
        InputError: a colour image, or something is transparent.
    """
    if image.mode == "1":
        return np.asarray(image.convert("L"))  # 0 and 255
    if "transparency" in image.info or image.mode not in (*GREY_MODES, "P", "RGB"):
        return _with_alpha(image, path)
    array = np.asarray(image)
    if image.mode == "P":
        return through_palette(array, np.asarray(image.getpalette("RGB")).reshape(-1, 3), path)
    return one_channel(array, 3, path) if image.mode == "RGB" else array


def _with_alpha(image: Image.Image, path: Path) -> np.ndarray:
    """Return the grey levels of an image with alpha, or with a level or colour that stands for transparency."""
    if image.mode in GREY_MODES:
        array, clear = np.asarray(image), image.info["transparency"]
        if (array == clear).any():
            raise InputError(f"{path}: has transparent pixels; expected a grey image without transparency")
        return array
    if image.mode == "P" and (np.asarray(image.convert("RGBA"))[..., 3] == 255).all():
        return through_palette(np.asarray(image), np.asarray(image.getpalette("RGB")).reshape(-1, 3), path)
    return one_channel(np.asarray(image.convert("RGBA")), 3, path)
