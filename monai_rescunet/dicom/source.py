"""The mammogram that a DICOM result speaks of: what is copied from it, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
from highdicom import SOPClass
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from monai_rescunet import __version__
from monai_rescunet.core.errors import InputError
from monai_rescunet.dicom.codes import CODING_SCHEME, MANUFACTURER, MODEL

__all__ = ["LOSSY", "equipment", "finish", "read_source", "reference_of", "reference_to"]

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns")
LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
"""What has to be said of pixels that were made from lossily compressed ones."""
_REFERRED = (*_NEEDED, "Modality", *LOSSY)
_BLANK = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex",
    "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
)  # fmt: skip


def read_source(path: str | Path) -> pydicom.Dataset:
    """Return the header of a mammogram.

    Raises:
        InputError: the file is no DICOM, or it lacks what a result must refer to.
    """
    try:
        source = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as DICOM ({error}); a result as DICOM needs a DICOM image") from error
    for keyword in _NEEDED:
        if not source.get(keyword):
            tag = pydicom.datadict.tag_for_keyword(keyword) or 0
            name = f"{pydicom.datadict.dictionary_description(tag)} ({tag >> 16:04X},{tag & 0xFFFF:04X})"
            raise InputError(f"{path}: has no {name}, which a result must refer to; export the image again")
    return source


def reference_of(source: pydicom.Dataset) -> pydicom.Dataset:
    """Return the header that results are made from: what identifies the image, nothing else.

    It leaves out the patient, whose name highdicom would put into warnings (`finish` copies them), and every spacing
    and plane: a mammogram is a projection, and a spacing of the detector is none of the patient.
    """
    reference = pydicom.Dataset()
    for keyword in _REFERRED:
        if keyword in source:
            reference[keyword] = source[keyword]
    for keyword in _BLANK:
        setattr(reference, keyword, None)
    return reference


def reference_to(source: pydicom.Dataset) -> pydicom.Dataset:
    """Return an item of Source Image Sequence (0008,2112)."""
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return reference


def finish(result: SOPClass, source: pydicom.Dataset) -> None:
    """Copy patient and study, unchanged, and mark the result as one of research software."""
    result.copy_patient_and_study_information(source)
    if "SpecificCharacterSet" in source:
        result["SpecificCharacterSet"] = source["SpecificCharacterSet"]
    result.ContentQualification = "RESEARCH"


def equipment(description: str, series_number: int) -> dict[str, Any]:
    """Return the arguments that highdicom wants for every object: series, instance and the software that made it."""
    return {
        "series_instance_uid": _new_uid(),
        "series_number": series_number,
        "series_description": description,
        "sop_instance_uid": _new_uid(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MODEL,
        "software_versions": __version__,
        "device_serial_number": "none",
        "coding_schemes": [CODING_SCHEME],
    }


def _new_uid() -> UID:
    return pydicom.uid.generate_uid(prefix=None)
