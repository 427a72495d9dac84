"""Read one mammogram, or a mask of one, from NIfTI."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from monai.utils import MetaKeys

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom.geometry import MAX_SPACING_MM, is_spacing

__all__ = ["GZIP", "is_nifti", "nifti_header", "read_nifti"]

GZIP = b"\x1f\x8b"
HEADER_BYTES = 540  # NIfTI-2's; NIfTI-1's is 348 long and says so in its last four bytes
TEXTS = ("data_type", "db_name", "descrip", "aux_file", "intent_name")
"""Free text of a header, which may name a person."""
UNITS = {"meter": 1000.0, "micron": 0.001}
"""Millimetres in units of length that a header may have; others are taken for millimetres."""


def is_nifti(head: bytes) -> bool:
    """Return whether a file that begins so, at least 348 bytes and not compressed, is NIfTI."""
    return head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2")


def nifti_header(path: Path) -> nibabel.Nifti1Header:
    """Return the header of a NIfTI file, whatever it is called and compressed or not; no more of it is read."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    with gzip.open(path) if packed else path.open("rb") as stream:
        head = stream.read(HEADER_BYTES)
    second = head[4:7] in (b"n+2", b"ni2")
    header_class = nibabel.Nifti2Header if second else nibabel.Nifti1Header
    return header_class.from_fileobj(BytesIO(head))


def read_nifti(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the grey levels of a NIfTI file of one slice, `(columns, rows)`, and what else is known of it.

    Beside what `read_mammogram_dicom` gives, the metadata have `nifti_shape` and `nifti_header`, the header's bytes
    without its free text, for a label map of the same geometry; `geometry` is `nifti` where one of the header's codes
    (qform, sform) says so, else `none`.

    Raises:
        InputError: a volume, colour, or complex numbers.
    """
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == GZIP else raw
    image = (nibabel.Nifti2Image if raw[4:7] in (b"n+2", b"ni2") else nibabel.Nifti1Image).from_bytes(raw)
    shape, header = image.shape, image.header
    if len(shape) < 2 or any(length != 1 for length in shape[2:]):
        raise InputError(f"{path}: has the shape {shape}; expected one slice, (columns, rows) or (columns, rows, 1)")
    if header.get_data_dtype().kind not in "iuf":
        raise InputError(f"{path}: holds {header.get_value_label('datatype')}; expected grey levels: save one channel")
    array = np.asanyarray(image.dataobj).reshape(shape[:2])
    placed = int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0
    unit = header.get_xyzt_units()[0]
    meta: dict[str, Any] = {
        MetaKeys.AFFINE: np.asarray(image.affine),
        "geometry": "nifti" if placed else "none",
        "nifti_shape": np.asarray(shape),
        "nifti_header": np.frombuffer(_nameless(header).binaryblock, np.uint8).copy(),
    }
    spacing = tuple(float(length) * UNITS.get(unit, 1.0) for length in header.get_zooms()[:2])
    # 1 mm is what the header holds when nobody knew
    if is_spacing(spacing) and max(spacing) < MAX_SPACING_MM:
        meta |= {"spacing": np.asarray(spacing), "spacing_source": "nifti"}
    else:
        meta["spacing_source"] = "unknown"
    return array.astype(array.dtype.newbyteorder("="), copy=False), meta


def _nameless(header: nibabel.Nifti1Header) -> nibabel.Nifti1Header:
    header = header.copy()
    for name in TEXTS:
        if name in header:
            header[name] = b""
    return header
