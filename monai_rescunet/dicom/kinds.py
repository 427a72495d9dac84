"""The masses of one image as the DICOM objects that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from monai_rescunet.core.classes import NO_LESION
from monai_rescunet.core.errors import InputError
from monai_rescunet.dicom.secondary_capture import to_secondary_capture
from monai_rescunet.dicom.segmentation import to_segmentation
from monai_rescunet.dicom.structured_report import to_structured_report

__all__ = ["DICOM_KINDS", "check_kinds", "dicom_results"]

DICOM_KINDS = ("seg", "sr", "sc")
"""DICOM Segmentation, Structured Report, Secondary Capture."""


def dicom_results(
    source: str | Path, masses: Sequence[Mapping[str, Any]], kinds: Sequence[str] = DICOM_KINDS
) -> dict[str, bytes]:
    """Return the content of a DICOM file for each kind, the report referring to the segmentation beside it.

    Args:
        source: the mammogram, a DICOM file.
        masses: as `monai_rescunet.predict` returns them.
        kinds: of `DICOM_KINDS`. Where no mass was outlined there is no `seg`, and `sr` says so. A report on outlined
            masses refers to their segments, so `sr` comes with `seg`.

    Raises:
        InputError: the source is no mammogram in DICOM, or there is no such kind.
    """
    kinds = check_kinds(kinds)
    results: dict[str, Any] = {}
    found = any(mass["decision"] != NO_LESION and np.any(mass["mask"]) for mass in masses)
    if found and {"seg", "sr"} & set(kinds):
        results["seg"] = to_segmentation(source, masses)
    if "sr" in kinds:
        results["sr"] = to_structured_report(source, masses, results.get("seg"))
    if "sc" in kinds:
        results["sc"] = to_secondary_capture(source, masses)
    return {kind: _content(result) for kind, result in results.items()}


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds.

    Raises:
        InputError: one is not of `DICOM_KINDS`.
    """
    unknown = [kind for kind in kinds if kind not in DICOM_KINDS]
    if unknown:
        raise InputError(f"dicom is {list(kinds)}; expected some of {', '.join(DICOM_KINDS)}, not {unknown[0]!r}")
    return tuple(kinds)


def _content(result: Any) -> bytes:
    file = BytesIO()
    result.save_as(file, enforce_file_format=True)
    return file.getvalue()
