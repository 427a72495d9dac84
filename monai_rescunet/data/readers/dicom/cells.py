"""The cells of a DICOM image as they are encoded: raw or by any transfer syntax that an installed decoder reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

import numpy as np
import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder, pixel_array
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import UID, UncompressedTransferSyntaxes

from monai_rescunet.core.errors import InputError

__all__ = ["decode"]

logger = logging.getLogger(__name__)

END_OF_STREAM = b"\xff\xd9"
"""Marker at the end of every JPEG, JPEG-LS and JPEG 2000 stream."""
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
        with _without_tracebacks():
            cells = np.asarray(pixel_array(dataset, raw=True, correct_unused_bits=False, view_only=True))
    except Exception as error:  # each decoder raises its own
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: the pixels ({syntax.name}) cannot be decoded: {_remedy(syntax)} ({reason})"
        ) from error
    if "JPEG" in syntax.name:
        stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
        if not stream.rstrip(b"\0").endswith(END_OF_STREAM):  # what a broken transfer left as zeros decodes to nonsense
            raise InputError(
                f"{path}: its pixels ({syntax.name}) have no end: the file is cut off or damaged, export it again"
            )
        if "JPEG 2000" in syntax.name:
            _check_sign(stream, dataset, path)
    if cells.shape != shape:
        raise InputError(f"{path}: its pixels decode to {cells.shape}; expected {shape} rows and columns, one frame")
    return cells.astype(cells.dtype.newbyteorder("="), copy=False)


def _remedy(syntax: UID) -> str:
    """Return what is to be done where pixels of a transfer syntax cannot be decoded."""
    if syntax in UncompressedTransferSyntaxes:
        return "they are cut off or damaged, export the file again"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return "no decoder is known, export the file uncompressed"
    package = next(package for name, package in DECODERS.items() if name in syntax.name)
    if not decoder.is_available:
        return f"no decoder is installed, `pip install {package}`"
    return (
        f"they are cut off or damaged, or of a kind that {' and '.join(decoder.available_plugins)} cannot read; export "
        f"the file again, or have `pip install {package}`"
    )


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Keep pydicom from logging the traceback of each decoder that fails in this thread: its error tells of them."""
    thread, decoders = get_ident(), logging.getLogger("pydicom.pixels.decoders.base")

    def is_told(record: logging.LogRecord) -> bool:
        return not (record.exc_info and record.thread == thread)

    decoders.addFilter(is_told)
    try:
        yield
    finally:
        decoders.removeFilter(is_told)


def _check_sign(stream: bytes, dataset: pydicom.Dataset, path: Path) -> None:
    """Warn where a JPEG 2000 stream says otherwise than the header whether its values have a sign."""
    said, signed = get_j2k_parameters(stream).get("is_signed"), bool(dataset.PixelRepresentation)
    if said not in (None, signed):
        logger.warning(
            "%s: Pixel Representation (0028,0103) is %d, and the JPEG 2000 stream says that values have %s sign; they "
            "are read as the header has it: look whether the brightest tissue came out dark",
            path, signed, "a" if said else "no",
        )  # fmt: skip
