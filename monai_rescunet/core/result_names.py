"""What inference leaves on disk: the names of its files, the columns of its table, and the mark inside what it writes.

Writers and readers of folders both go by this list, so that results are never taken for mammograms, masks or tables.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

__all__ = [
    "COLUMNS",
    "DICOM_MANUFACTURER",
    "DICOM_SUFFIXES",
    "LABEL_SUFFIXES",
    "MOST_USUAL",
    "PAGE",
    "RESULT_MARK",
    "RESULT_SUFFIXES",
    "SETTINGS",
    "TABLE",
    "THUMBNAILS",
    "has_result_mark",
    "is_result_name",
    "is_result_table",
    "marked_source",
]

COLUMNS = (
    "image", "mass", "box", "found", "decision", "score", "probability", "unlike_training", "remarks",
    "lambda1", "lambda2", "area_px", "area_mm2", "spacing_source", "dice", "label_map", "asked",
)  # fmt: skip
"""Of `results.csv`, in their order; docs/train.md says what each means."""

EARLIER_COLUMNS = (
    tuple(name for name in COLUMNS if name not in ("found", "unlike_training", "remarks", "label_map", "asked")),
    tuple(name for name in COLUMNS if name not in ("remarks", "asked")),
    tuple(name for name in COLUMNS if name != "remarks"),
)
"""Of tables that earlier versions wrote: known as results, never written to."""

MOST_USUAL = 0.99
"""A mass is unlike those of training, and its row is to be read with care, where `unlike_training` is above it."""

TABLE = "results.csv"
SETTINGS = "results_settings.json"
"""Lies beside the table and tells what its rows were made with."""
PAGE = "index.html"
THUMBNAILS = "thumbnails"
"""Folder of the small pictures that the page shows, `<stem>.jpg`."""
DICOM_SUFFIXES = {"seg": "_seg.dcm", "sr": "_sr.dcm", "cad": "_cad.dcm", "sc": "_sc.dcm"}
"""Of the DICOM results of an image, by the names that `dicom` has for them."""
DICOM_MANUFACTURER = "monai_rescunet developers"
"""Manufacturer (0008,0070) of DICOM results: the mark inside them."""

LABEL_SUFFIXES = ("_label.png", "_label.nii.gz")
OVERLAY_SUFFIX = "_overlay.png"
RESULT_SUFFIXES = (*LABEL_SUFFIXES, OVERLAY_SUFFIX, *DICOM_SUFFIXES.values())
"""How the names of all files that belong to an image end; before them stands the image's stem."""

RESULT_MARK = "monai_rescunet result"
"""Stands in the first kilobytes of each label map, overlay, thumbnail and page: in a PNG's text chunk, a NIfTI's
`aux_file`, a JPEG's comment, the page's generator."""

SOURCE_DIGITS = 16  # that stand behind the mark and tell the image from those of its name in other folders
HEAD_BYTES = 4096


def is_result_name(path: Path) -> bool:
    """Return whether a file is called as a result is; a user's own file may be called so too."""
    return path.name == TABLE or path.name.endswith(RESULT_SUFFIXES)


def has_result_mark(path: Path) -> bool:
    """Return whether a file is a picture, a page or a DICOM result of inference, whatever it is called now."""
    head = _head(path)
    if head[128:132] == b"DICM":
        return _manufacturer(path) == DICOM_MANUFACTURER
    return RESULT_MARK.encode() in head


def marked_source(path: Path) -> str | None:
    """Return what the mark in a label map or overlay says of its image: 16 digits; None where there is none."""
    head = _head(path)
    if RESULT_MARK.encode() not in head:
        return None
    if head[344:347] in (b"n+1", b"ni1"):  # intent_name of NIfTI-1, and of NIfTI-2
        source = head[328:344]
    elif head[4:7] in (b"n+2", b"ni2"):
        source = head[508:524]
    else:
        source = head.partition(f"{RESULT_MARK} ".encode())[2][:SOURCE_DIGITS]
    return source.decode("ascii", errors="replace")


def _head(path: Path) -> bytes:
    """Return the first bytes of a file, of a compressed one those of its content; none if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                head = file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""
    return head


def _manufacturer(path: Path) -> str:
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Manufacturer"])
        return str(header.get("Manufacturer", ""))
    except Exception:  # damaged: it is nobody's
        return ""


def is_result_table(path: Path) -> bool:
    """Return whether a file is a table of results: its first line has exactly our columns, of this version or another.

    The folder of such a table is a folder of results.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(HEAD_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return False
    return tuple(line.rstrip("\r\n").split(",")) in (COLUMNS, *EARLIER_COLUMNS)
