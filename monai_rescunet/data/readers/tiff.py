"""Read one grey TIFF with all its bits: Pillow leaves 8 of 16 where there are colours, and scrambles turned ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.channels import one_channel, pillow_grey, through_palette

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

__all__ = ["is_tiff", "read_tiff", "tiff_size"]

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = 274  # tag of TIFF 6.0, section 8
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = 0, 1, 2, 3  # values of PhotometricInterpretation, ibid.
MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 1 << 27)
"""As Pillow has it for the other formats: more are no picture, but an attack on memory."""


def is_tiff(head: bytes) -> bool:
    """Return whether a file that begins so is TIFF or BigTIFF."""
    return head[:4] in MAGIC


def tiff_size(path: Path) -> tuple[int, int]:
    """Return columns and rows as the picture is shown, from the header alone."""
    with _open(path) as file:
        page = _page(file, path)
        size = page.imagewidth, page.imagelength
        return size[::-1] if _orientation(page) > 4 else size


def read_tiff(path: Path) -> np.ndarray:
    """Return the grey levels, `(rows, columns)`, turned as the tag Orientation says.

    Raises:
        InputError: several frames, colour, transparency, floating-point levels of which white is zero, or a compression
            that neither tifffile nor Pillow reads with all the bits.
    """
    with _open(path) as file:
        page = _page(file, path)
        if len(file.pages) > 1 or file.series[0].size != page.size:
            frames = max(len(file.pages), file.series[0].size // page.size)
            raise InputError(f"{path}: holds {frames} frames; expected a single image: save the frame that counts")
        try:
            array = page.asarray()
        except (ValueError, ImportError) as error:
            if isinstance(error, ValueError) and "imagecodecs" not in str(error):
                raise
            return _through_pillow(path, page)
        array = np.moveaxis(array, 0, -1) if page.axes == "SYX" else array
        levels = _turned(_levels(array, page, path), _orientation(page))
    return np.ascontiguousarray(levels.astype(levels.dtype.newbyteorder("="), copy=False))


def _open(path: Path) -> TiffFile:
    from tifffile import TiffFile  # a quarter of a second, which only TIFF has to wait for

    return TiffFile(path)


def _page(file: TiffFile, path: Path) -> TiffPage:
    page = file.pages.first
    if page.imagewidth * page.imagelength > MAX_PIXELS:
        raise InputError(f"{path}: has {page.imagewidth} columns and {page.imagelength} rows, too many to be read")
    return page


def _orientation(page: TiffPage) -> int:
    tag = page.tags.get(ORIENTATION)
    return int(tag.value) if tag is not None else 1


def _levels(array: np.ndarray, page: TiffPage, path: Path) -> np.ndarray:
    """Return the grey levels of samples, `(rows, columns)` or `(rows, columns, samples)`."""
    if array.dtype.kind not in "buif":
        raise InputError(f"{path}: holds numbers of type {array.dtype}; expected grey levels")
    array = array.astype(np.float32) if array.dtype == np.float16 else array
    if page.photometric == PALETTE:
        return through_palette(array, np.asarray(page.colormap).T >> 8, path)
    if page.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise InputError(f"{path}: its colours are {page.photometric!s}; expected grey levels: save it as one channel")
    array = one_channel(array, 3 if page.photometric == RGB else 1, path) if array.ndim == 3 else array
    if page.photometric == WHITE_IS_ZERO:
        array = _inverted(array, page.bitspersample, path)
    return array * np.uint8(255) if array.dtype.kind == "b" else array


def _inverted(array: np.ndarray, bits: int, path: Path) -> np.ndarray:
    if array.dtype.kind == "f":
        raise InputError(f"{path}: says that white is zero; expected black to be: save it with that")
    if array.dtype.kind in "bi":
        return ~array
    return array.dtype.type(2**bits - 1) - array


def _through_pillow(path: Path, page: TiffPage) -> np.ndarray:
    """Return the grey levels of a compression that tifffile has no decoder for; Pillow turns these right."""
    if page.samplesperpixel > 1 and page.bitspersample > 8:
        raise InputError(
            f"{path}: has several channels of {page.bitspersample} bits, compressed ({page.compression!s}), which "
            "would be read with 8: save it as one channel, or uncompressed"
        )
    with Image.open(path, formats=("TIFF",)) as image:
        try:
            image.load()
        except OSError as error:  # Pillow's own says neither
            raise InputError(
                f"{path}: cannot be decoded: it is cut off, or nothing here reads its compression "
                f"({page.compression!s}): save it uncompressed"
            ) from error
        array = pillow_grey(image, path)
        wide = image.mode not in ("1", "L")  # Pillow inverts those
    return _inverted(array, page.bitspersample, path) if wide and page.photometric == WHITE_IS_ZERO else array


def _turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """Return `(rows, columns)` as viewers show them (TIFF 6.0, Orientation; Exif has the same numbers)."""
    turn: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).T,
        8: np.rot90,
    }
    return turn[orientation](array) if orientation in turn else array
