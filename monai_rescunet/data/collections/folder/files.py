"""What the files of a folder are: images, files that are passed over, and files that should be images and are not."""

from __future__ import annotations

import math
from enum import Enum
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import MediaStorageDirectoryStorage

from monai_rescunet.core.result_names import (
    DICOM_MANUFACTURER,
    TABLE,
    has_result_mark,
    is_result_name,
    is_result_table,
)
from monai_rescunet.data.readers.formats import MEDICAL_SUFFIXES, image_format, why_unreadable
from monai_rescunet.data.readers.mammogram import image_size, read_mammogram

__all__ = ["MOST_MASK_VALUES", "Kind", "grey_values", "is_image", "kind_of"]

MOST_MASK_VALUES = 3
"""A file with more grey levels is a picture: a mask has background and two classes at most."""

MASK_BITS = 8  # of the pixels of a DICOM mask; a mammogram has more
MOST_MASK_BYTES = 0.5  # of a pixel of a mask in PNG, which compresses three levels to a fifth of a byte

UNREAD_SUFFIXES = (
    ".mha", ".mhd", ".nrrd", ".nhdr", ".hdr", ".img", ".mgh", ".mgz", ".jxl", ".heic", ".avif", ".svs", ".npy", ".npz",
)  # fmt: skip
"""Of formats of images that are not read."""

NO_IMAGES = ("SR", "PR", "KO", "SEG", "DOC", "RTSTRUCT", "REG", "FID", "AU", "PLAN")
"""Values of Modality (0008,0060) of objects that lie beside images, in exports on CD for instance."""

HEADER = ("SOPClassUID", "Modality", "Manufacturer", "Rows")
SAVED_BY_SERVER = ("labels", "original")  # of MONAI Label: what the network answered, not what a person saved


class Kind(Enum):
    """What a file is to a collection."""

    IMAGE = "image"
    RESULT = "result of predict"
    PASSED = "no image"
    UNREADABLE = "unreadable"


def is_image(path: Path) -> bool:
    """Return whether a file is an image that may be used; one that may not be read is none."""
    try:
        return kind_of(path)[0] is Kind.IMAGE
    except OSError:
        return False


def kind_of(path: Path) -> tuple[Kind, str]:
    """Return what a file is, and of one that is no image what else or why it cannot be read.

    Raises:
        OSError: it may not be read.
    """
    kind = image_format(path)
    if is_result(path):
        return Kind.RESULT, ""
    if kind == "dicom":
        return _dicom(path)
    if kind is not None:
        return Kind.IMAGE, ""
    reason = _why_unreadable(path)
    return (Kind.UNREADABLE, reason) if reason else (Kind.PASSED, path.suffix.lower() or "without suffix")


def is_result(path: Path) -> bool:
    """Return whether a file was written by inference, or by MONAI Label as a network's answer."""
    of_table = is_result_name(path) and is_result_table(path.parent / TABLE)
    return of_table or path.parts[-3:-1] == SAVED_BY_SERVER or has_result_mark(path)


def _dicom(path: Path) -> tuple[Kind, str]:
    try:
        header = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(HEADER))
        of_file = str(header.file_meta.get("MediaStorageSOPClassUID", ""))
        modality, ours = str(header.get("Modality", "")), str(header.get("Manufacturer", "")) == DICOM_MANUFACTURER
        has_rows = "Rows" in header
    except Exception as error:  # pydicom's own errors on damaged headers are of any kind
        return Kind.UNREADABLE, f"its header cannot be read ({' '.join(str(error).split())}); it is cut off or damaged"
    if ours:
        return Kind.RESULT, ""
    if of_file == MediaStorageDirectoryStorage:
        return Kind.PASSED, "DICOMDIR"
    if modality in NO_IMAGES:
        return Kind.PASSED, f"DICOM {modality}"
    if not has_rows:
        return Kind.UNREADABLE, f"is DICOM of modality {modality!r} without an image; export it again with its pixels"
    return Kind.IMAGE, ""


def _why_unreadable(path: Path) -> str:
    """Return why a file cannot be read that is called as an image is; nothing for files of other kinds."""
    suffixes = {*MEDICAL_SUFFIXES, *UNREAD_SUFFIXES, *Image.registered_extensions()} - {".pdf", ".ps", ".eps"}
    called_image = Path(path.name.lower().removesuffix(".gz")).suffix in suffixes
    return why_unreadable(path) if called_image or path.stat().st_size == 0 else ""


def grey_values(path: Path) -> int:
    """Return how many grey levels a file has, as far as it may be a mask; others count as pictures, as do colours."""
    kind = image_format(path)
    if kind in (None, "jpeg"):
        return MOST_MASK_VALUES + 1
    if kind == "png" and path.stat().st_size > MOST_MASK_BYTES * math.prod(image_size(path)):
        return MOST_MASK_VALUES + 1
    try:
        if kind == "dicom":
            header = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=["BitsStored"])
            if header.get("BitsStored", 16) > MASK_BITS:
                return MOST_MASK_VALUES + 1
        array, _ = read_mammogram(path)
    except Exception:  # what cannot be read is told where it is used
        return MOST_MASK_VALUES + 1
    return len(np.unique(array))
