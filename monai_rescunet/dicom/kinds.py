"""The masses of one image as the DICOM objects that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from highdicom import SOPClass
from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.dicom.cad import to_mammography_cad
from monai_rescunet.dicom.cad_findings import cad_image
from monai_rescunet.dicom.secondary_capture import to_secondary_capture
from monai_rescunet.dicom.segmentation import to_segmentation
from monai_rescunet.dicom.source import read_source, size_of
from monai_rescunet.dicom.structured_report import to_structured_report
from monai_rescunet.results.outline import outlined

__all__ = ["DICOM_KINDS", "attempt_dicom_results", "check_kinds", "content_of", "dicom_results", "without_names"]

DICOM_KINDS = ("seg", "sr", "cad", "sc")
"""DICOM Segmentation, Structured Report, Mammography CAD SR, Secondary Capture."""


def dicom_results(
    source: str | Path,
    masses: Sequence[Mapping[str, Any]],
    kinds: Sequence[str] = DICOM_KINDS,
    *,
    provenance: Provenance | None = None,
    finder: Provenance | None = None,
    picture: Image.Image | None = None,
) -> dict[str, bytes]:
    """Return the content of a DICOM file for each kind, the report referring to the segmentation beside it.

    Args:
        source: the mammogram, a DICOM file.
        masses: as `monai_rescunet.predict` returns them.
        kinds: of `DICOM_KINDS`. Where no mass was outlined there is no `seg`, and the reports say so. A report on
            outlined masses refers to their segments, so `sr` comes with `seg`.
        provenance: versions of bundle and weights, which every result is signed with.
        finder: those of what found the masses, where another network did.
        picture: the image with its outlines, as `draw_overlay` drew it, for `sc`; None draws it.

    Raises:
        InputError: the source is no mammogram in DICOM, or there is no such kind, or a kind cannot be made of it.
    """
    results, faults = attempt_dicom_results(
        source, masses, kinds, provenance=provenance, finder=finder, picture=picture
    )
    for fault in faults.values():
        raise fault
    return results


def attempt_dicom_results(
    source: str | Path,
    masses: Sequence[Mapping[str, Any]],
    kinds: Sequence[str] = DICOM_KINDS,
    *,
    provenance: Provenance | None = None,
    finder: Provenance | None = None,
    picture: Image.Image | None = None,
) -> tuple[dict[str, bytes], dict[str, InputError]]:
    """Do what `dicom_results` does, where a kind that cannot be made costs only itself.

    Returns:
        The contents, and by kind why one could not be made. An `sr` needs its `seg`, and fails with it.

    Raises:
        InputError: there is no such kind.
    """
    kinds = check_kinds(kinds)
    made: dict[str, Any] = {}
    faults: dict[str, InputError] = {}
    makers: dict[str, Callable[[], SOPClass | None]] = {  # the largest first, while nothing else is in memory
        "sc": lambda: to_secondary_capture(source, masses, picture),
        "seg": lambda: _segmentation(source, masses, provenance),
        "sr": lambda: to_structured_report(source, masses, made["seg"], provenance=provenance),
        "cad": lambda: to_mammography_cad([cad_image(source, masses)], provenance, finder),
    }
    contents = {}
    for kind, make in makers.items():
        if kind not in kinds and not (kind == "seg" and "sr" in kinds):
            continue
        try:
            if kind == "sr" and "seg" in faults:
                raise faults["seg"]
            with without_names(source, kind):
                made[kind] = make()
                if made[kind] is not None:
                    contents[kind] = content_of(made[kind])
                if kind != "seg":  # which the report refers to
                    del made[kind]
        except InputError as error:
            faults[kind] = error
    return {kind: contents[kind] for kind in DICOM_KINDS if kind in contents}, faults


@contextmanager
def without_names(source: str | Path, kind: str) -> Iterator[None]:
    """Turn what the libraries raise, which may have a patient's name in it, into an error that has none.

    Args:
        source: the mammogram that a result is made of.
        kind: of `DICOM_KINDS`.

    Raises:
        InputError: what was raised, if it was one; else that no such result can be made of the source.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{source}: no DICOM result of the kind {kind} can be made of it ({type(error).__name__}); its header "
            "has what the standard does not allow: export the image again, or leave the kind out"
        ) from error


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds.

    Raises:
        InputError: one is not of `DICOM_KINDS`.
    """
    unknown = [kind for kind in kinds if kind not in DICOM_KINDS]
    if unknown:
        raise InputError(f"dicom is {list(kinds)}; expected some of {', '.join(DICOM_KINDS)}, not {unknown[0]!r}")
    return tuple(kinds)


def _segmentation(
    source: str | Path, masses: Sequence[Mapping[str, Any]], provenance: Provenance | None
) -> SOPClass | None:
    """Return the segmentation, None where there is no outline: a segmentation cannot be empty."""
    found = outlined(masses, size_of(read_source(source)), source)
    return to_segmentation(source, masses, provenance=provenance) if found else None


def content_of(result: SOPClass) -> bytes:
    """Return a result as its file has it."""
    pixels = result.get("PixelData", b"")
    file = BytesIO(bytes(len(pixels)))  # of its size from the beginning: a file that grows is copied as it grows
    if pixels:
        result.PixelData = BytesIO(pixels)  # of bytes pydicom would make a copy before it writes them
    try:
        result.save_as(file, enforce_file_format=True)
    finally:
        if pixels:
            result.PixelData = pixels
    return file.getvalue()
