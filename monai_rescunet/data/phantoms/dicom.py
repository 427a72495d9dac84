"""Phantoms as DICOM: digital mammograms with all that the standard asks of one, and digitised film with its crops."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from monai_rescunet.core.files import write_atomically
from monai_rescunet.data.phantoms.mammogram import BITS, PhantomMammogram

__all__ = ["phantom_uid", "write_digital_mammogram", "write_film"]

UID_ROOT = "2.25."  # a UUID as a UID, which nobody has to ask for
VIEWS = {"CC": codes.cid4014.CranioCaudal, "MLO": codes.cid4014.MedioLateralObliqueProjection}


def phantom_uid(rng: np.random.Generator) -> str:
    """Return a UID made of chance, so that a seed gives the same."""
    return UID_ROOT + str(int.from_bytes(rng.bytes(15), "big") + 1)


def write_digital_mammogram(path: Path, phantom: PhantomMammogram, rng: np.random.Generator) -> None:
    """Write a phantom as a Digital Mammography X-Ray Image, For Presentation (DICOM PS3.3, A.27), without a patient.

    Args:
        path: the file.
        phantom: the mammogram.
        rng: source of the UIDs.
    """
    # along a row: to the front or, where the chest wall is on the right, to the back; down a column: to the middle
    row, medial = {"L": ("A", "R"), "R": ("P", "L")}[phantom.laterality]
    view = _code(VIEWS[phantom.view])
    view.ViewModifierCodeSequence = []
    window = 2 * float(np.median(phantom.pixels[phantom.pixels > 0]))
    dataset = _image(
        DigitalMammographyXRayImageStorageForPresentation,
        phantom.pixels,
        rng,
        BitsStored=BITS,
        ImageType=["ORIGINAL", "PRIMARY", ""],
        PatientID="removed",
        Manufacturer="monai_rescunet",
        ManufacturerModelName="phantom",
        SoftwareVersions="1",
        PresentationIntentType="FOR PRESENTATION",
        PatientOrientation=[row, medial if phantom.view == "CC" else f"F{medial}"],
        ImageLaterality=phantom.laterality,
        ViewPosition=phantom.view,
        ViewCodeSequence=[view],
        AnatomicRegionSequence=[_code(codes.SCT.Breast)],
        OrganExposed="BREAST",
        BodyPartExamined="BREAST",
        PositionerType="MAMMOGRAPHIC",
        BreastImplantPresent="NO",
        PartialView="NO",
        DetectorType="DIRECT",
        ImagerPixelSpacing=[phantom.spacing, phantom.spacing],
        AcquisitionContextSequence=[],
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=-1,
        RescaleIntercept=0,
        RescaleSlope=1,
        RescaleType="US",
        WindowCenter=round(window / 2),
        WindowWidth=round(window),
        PresentationLUTShape="IDENTITY",
        LossyImageCompression="00",
        BurnedInAnnotation="NO",
    )
    _write(path, dataset)


def write_film(path: Path, pixels: np.ndarray, rng: np.random.Generator, **attributes: Any) -> None:
    """Write digitised film, a crop or a mask of it, as CBIS-DDSM has them: Secondary Capture with Modality MG.

    Args:
        path: the file.
        pixels: `(rows, columns)`, uint8 or uint16.
        rng: source of the UIDs that the attributes do not give.
        attributes: further attributes by their keywords.
    """
    _write(path, _image(SecondaryCaptureImageStorage, pixels, rng, ConversionType="DF", **attributes))


def _image(sop_class: str, pixels: np.ndarray, rng: np.random.Generator, **attributes: Any) -> Dataset:
    """Return what every image has: UIDs, pixels, and empty what must be there and may be empty."""
    bits = 8 * pixels.itemsize
    values: dict[str, Any] = {
        "SOPClassUID": sop_class,
        "SOPInstanceUID": phantom_uid(rng),
        "StudyInstanceUID": phantom_uid(rng),
        "SeriesInstanceUID": phantom_uid(rng),
        "Modality": "MG",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "SeriesDescription": "phantom, no patient",
        "PatientSex": "F",
        **dict.fromkeys(("PatientName", "PatientID", "PatientBirthDate"), ""),
        **dict.fromkeys(("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"), ""),
        "PatientOrientation": "",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "PixelRepresentation": 0,
        **attributes,
    }
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.HighBit = dataset.BitsStored - 1
    content = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _code(code: Any) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def _write(path: Path, dataset: Dataset) -> None:
    content = BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    write_atomically(path, content.getvalue())
