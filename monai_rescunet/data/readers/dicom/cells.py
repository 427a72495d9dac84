"""The cells of a DICOM image as they are encoded: raw or by any transfer syntax that an installed decoder reads."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import UID

from monai_rescunet.core.errors import InputError

__all__ = ["decode"]

logger = logging.getLogger(__name__)

# pydicom logs the traceback of each decoder that fails, and raises an error that tells of them all
logging.getLogger("pydicom.pixels.decoders.base").addFilter(lambda record: not record.exc_info)

DECODERS = {
    "JPEG 2000": "pylibjpeg-openjpeg",
    "JPEG-LS": "pyjpegls",
    "RLE": "pylibjpeg-rle",
    "JPEG Lossless": "python-gdcm",
    "JPEG": "pillow",
}


def decode(dataset: pydicom.Dataset, path: Path) -> np.ndarray:
    """Return the cells of an image as they are encoded, `(rows, columns)`, with whatever their unused bits hold.

    Raises:
        InputError: no installed decoder reads them, or they are cut off.
    """
    syntax, shape = dataset.file_meta.TransferSyntaxUID, (int(dataset.Rows), int(dataset.Columns))
    try:
        cells = np.asarray(pixel_array(dataset, raw=True, correct_unused_bits=False, view_only=True))
    except Exception as error:  # each decoder raises its own
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: the pixels ({syntax.name}) cannot be decoded: {_remedy(syntax)} ({reason})"
        ) from error
    if "JPEG 2000" in syntax.name:
        _check_sign(dataset, path)
    if cells.shape != shape:
        raise InputError(f"{path}: its pixels decode to {cells.shape}; expected {shape} rows and columns, one frame")
    return cells.astype(cells.dtype.newbyteorder("="), copy=False)


def _remedy(syntax: UID) -> str:
    """Return what is to be done where pixels of a transfer syntax cannot be decoded."""
    package = next((package for name, package in DECODERS.items() if name in syntax.name), None)
    if syntax.is_compressed and package is None:
        return "no decoder is known, export the file uncompressed"
    try:
        _ = package and version(package)
    except PackageNotFoundError:
        return f"no decoder is installed, `pip install {package}`"
    return "they are cut off or damaged, export the file again"


def _check_sign(dataset: pydicom.Dataset, path: Path) -> None:
    """Warn where a JPEG 2000 stream says otherwise than the header whether its values have a sign."""
    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    said, signed = get_j2k_parameters(stream).get("is_signed"), bool(dataset.PixelRepresentation)
    if said not in (None, signed):
        logger.warning(
            "%s: Pixel Representation (0028,0103) is %d, and the JPEG 2000 stream says that values have %s sign; they "
            "are read as the header has it: look whether the brightest tissue came out dark",
            path, signed, "a" if said else "no",
        )  # fmt: skip
