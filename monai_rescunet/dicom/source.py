"""The mammogram that a DICOM result speaks of: what is copied from it, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from highdicom import SOPClass
from pydicom.errors import InvalidDicomError
from pydicom.sr.coding import Code
from pydicom.uid import UID, DigitalMammographyXRayImageStorageForPresentation

from monai_rescunet import __version__
from monai_rescunet.core.errors import InputError
from monai_rescunet.data.readers.dicom.header import attribute, group_item
from monai_rescunet.data.readers.formats import dicom_header
from monai_rescunet.dicom.codes import CODING_SCHEME, MANUFACTURER, MODEL, VIEWS

__all__ = [
    "LOSSY",
    "equipment",
    "finish",
    "read_source",
    "reference_of",
    "reference_to",
    "side_of",
    "size_of",
    "view_of",
]

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
        source = dicom_header(Path(path))
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as DICOM ({error}); a result as DICOM needs a DICOM image") from error
    for keyword in _NEEDED:
        if not source.get(keyword):
            raise InputError(
                f"{path}: has no {attribute(keyword)}, which a result must refer to; export the image again"
            )
    return source


def reference_of(source: pydicom.Dataset) -> pydicom.Dataset:
    """Return the header that results are made from: what identifies the image, nothing else.

    It leaves out the patient, whose name highdicom would put into warnings (`finish` copies them), and every spacing
    and plane: a mammogram is a projection, and a spacing of the detector is none of the patient. Of the SOP classes
    highdicom knows the standard's alone, and asks of some for a plane: it gets that of a mammogram, and `finish` puts
    the image's own into what refers to it.
    """
    reference = pydicom.Dataset()
    for keyword in _REFERRED:
        if keyword in source:
            reference[keyword] = source[keyword]
    for keyword in _BLANK:
        setattr(reference, keyword, None)
    _take_for_mammogram(reference)
    return reference


def size_of(source: pydicom.Dataset) -> tuple[int, int]:
    """Return columns and rows."""
    return int(source.Columns), int(source.Rows)


def side_of(source: pydicom.Dataset) -> str:
    """Return the side of the breast, `L`, `R` or `B` for both, empty where unknown.

    It is Image Laterality (0020,0062), of a multi-frame image Frame Laterality (0020,9072), else Laterality
    (0020,0060).
    """
    anatomy = group_item(source, "FrameAnatomySequence") or pydicom.Dataset()
    sides = source.get("ImageLaterality"), anatomy.get("FrameLaterality"), source.get("Laterality")
    return next((str(side) for side in sides if side in ("L", "R", "B")), "")


def view_of(source: pydicom.Dataset) -> Code | None:
    """Return the view, one of CID 4014, from View Code Sequence (0054,0220), else from View Position (0018,5101)."""
    for item in source.get("ViewCodeSequence") or ():
        scheme = str(item.get("CodingSchemeDesignator"))
        code = Code(str(item.get("CodeValue")), "SRT" if scheme in ("SNM3", "99SDM") else scheme, "")
        for view in VIEWS.values():
            if code == view:  # pydicom knows SNOMED's older codes
                return view
    return VIEWS.get(str(source.get("ViewPosition")))


def _take_for_mammogram(header: pydicom.Dataset) -> None:
    del header.SOPClassUID  # the element is shared with the image's own header
    header.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation


def reference_to(source: pydicom.Dataset) -> pydicom.Dataset:
    """Return an item of Source Image Sequence (0008,2112)."""
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return reference


def finish(result: SOPClass, source: pydicom.Dataset, others: Sequence[pydicom.Dataset] = ()) -> None:
    """Copy patient and study, unchanged, mark the result as one of research software, and mend what refers to images.

    Args:
        result: made from what `reference_of` returned.
        source: header of the image; of several the first.
        others: headers of all others that it refers to.
    """
    classes = {str(image.SOPInstanceUID): image.SOPClassUID for image in (source, *others)}
    for element in result.iterall():
        if element.VR != "SQ":
            continue
        for item in element.value:
            if str(item.get("ReferencedSOPInstanceUID")) in classes:
                item.ReferencedSOPClassUID = classes[str(item.ReferencedSOPInstanceUID)]
    named = pydicom.Dataset(source)
    _take_for_mammogram(named)
    result.copy_patient_and_study_information(named)
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
