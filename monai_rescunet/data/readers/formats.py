"""What a file is, by its content, and why it is nothing that can be read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import pydicom
from PIL import Image

from monai_rescunet.data.readers.dicom.header import PREAMBLE, sop_class
from monai_rescunet.data.readers.nifti import GZIP, is_nifti
from monai_rescunet.data.readers.pictures import picture_format

__all__ = ["EXPECTED", "dicom_header", "image_format", "image_stem", "why_unreadable"]

EXPECTED = "expected DICOM, NIfTI, PNG, JPEG, TIFF or PGM"
MEDICAL_SUFFIXES = (".dcm", ".dicom", ".nii")
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")  # that a DICOM file without a preamble begins with
MAX_FIRST_ELEMENT = 0x40  # its number; text that begins with such bytes is rare
OTHERS = {
    b"version https://git-lfs": "a Git LFS pointer, not the file itself: fetch it with `git lfs pull`",
    b"ObjectType": "a MetaImage (.mha), which is not read: save it as NIfTI",
    b"NRRD": "an NRRD file, which is not read: save it as NIfTI",
    b"GIF8": "a GIF, which is not read: save it as PNG",
    b"BM": "a BMP, which is not read: save it as PNG",
    b"RIFF": "a WebP, which is not read: save it as PNG",
    b"%!PS": "an Encapsulated PostScript, which is not read: save it as PNG",
    b"%PDF": "a PDF, which is not read: save it as PNG",
}
"""Beginnings of files that people take for images, and what to say of them."""


def image_format(path: Path) -> str | None:
    """Return `dicom`, `nifti`, `png`, `jpeg`, `tiff` or `ppm` (PGM and its kin); None if it is no such image.

    Told by content, since collections name files as they like. A DICOM file without a preamble is one where it names
    its SOP class.
    """
    with path.open("rb") as file:
        head = file.read(352)
    if head[128:PREAMBLE] == b"DICM" or _is_bare_dicom(path, head):
        return "dicom"
    if head[:2] == GZIP:
        try:
            with gzip.open(path) as file:
                head = file.read(352)
        except (OSError, EOFError, zlib.error):
            return None
    return "nifti" if is_nifti(head) else picture_format(path)


def why_unreadable(path: Path) -> str:
    """Return why `image_format` takes a file for no image, and what to do, as the end of a line about it.

    Example:
        >>> from pathlib import Path
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     why_unreadable(Path(file.name))
        'it is empty; expected DICOM, NIfTI, PNG, JPEG, TIFF or PGM'
    """
    with path.open("rb") as file:
        head = file.read(352)
    if not head:
        return f"it is empty; {EXPECTED}"
    found = next((said for begin, said in OTHERS.items() if head.startswith(begin)), None)
    return f"it is {found}" if found else f"it is none of the known formats, or cut off; {EXPECTED}"


def dicom_header(path: Path, keywords: Sequence[str] | None = None) -> pydicom.Dataset:
    """Return the header of a DICOM file, with its preamble or without; what is none fails as in pydicom.

    Args:
        path: the file.
        keywords: of the attributes to be read; None reads all but the pixels.
    """
    bare = image_format(path) == "dicom"
    tags = None if keywords is None else list(keywords)
    return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags, force=bare)


def image_stem(path: Path) -> str:
    """Return a file's name without the suffix of an image; names that are UIDs have dots, but no suffix."""
    bare = Path(path.name.removesuffix(".gz"))
    suffix = bare.suffix.lower()
    return bare.stem if suffix in MEDICAL_SUFFIXES or suffix in Image.registered_extensions() else path.name


def _is_bare_dicom(path: Path, head: bytes) -> bool:
    """Return whether a file without a preamble is DICOM all the same, as old archives write it."""
    if head[:2] not in FIRST_GROUPS or int.from_bytes(head[2:4], "little") > MAX_FIRST_ELEMENT:
        return False
    try:
        header = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=["SOPClassUID"])
        return sop_class(header) is not None
    except Exception:  # what is no DICOM fails in any way
        return False
