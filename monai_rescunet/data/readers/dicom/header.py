"""The header of a mammogram: what is no mammogram is refused, and what tomosynthesis keeps in groups is found."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pydicom
from pydicom.datadict import dictionary_description
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    BreastProjectionXRayImageStorageForPresentation,
    BreastProjectionXRayImageStorageForProcessing,
    BreastTomosynthesisImageStorage,
    ComputedRadiographyImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from monai_rescunet.core.errors import InputError

__all__ = ["PREAMBLE", "attribute", "finite", "group_item", "lengths", "name_of", "open_dicom", "sop_class", "word"]

logger = logging.getLogger(__name__)

MODALITIES = ("MG", "RG")  # RG: digitised film
OF_CAPTURES = ("", "OT", "SC", "CR", "DX")
"""What a Secondary Capture of a mammogram may say beside; US, CT or MR are none."""
SOP_CLASSES = {
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    BreastTomosynthesisImageStorage,
    BreastProjectionXRayImageStorageForPresentation,
    BreastProjectionXRayImageStorageForProcessing,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ComputedRadiographyImageStorage,
    SecondaryCaptureImageStorage,
}
"""Classes that a mammogram may have whose Modality nobody says."""
OF_PIXELS = ("SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
"""Without which nobody knows what the pixels' bytes mean."""
PREAMBLE = 132
"""Bytes before the first element of a file by PS3.10: 128 of no meaning, and `DICM`."""
GROUPS = {
    "PixelMeasuresSequence": ("PixelSpacing",),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
    "FrameAnatomySequence": ("FrameLaterality",),
}
"""Functional groups of a multi-frame image (PS3.3, C.7.6.16) that say of one frame what others have at the top."""


def open_dicom(path: Path, defer_size: int | None = None) -> pydicom.Dataset:
    """Return a mammogram's dataset; what is larger than `defer_size` bytes is left in the file.

    What functional groups say of the only frame of a multi-frame image stands at the top as well.

    Args:
        path: a DICOM file, with its preamble or without.
        defer_size: see above.

    Raises:
        InputError: the file is damaged, of another modality, of a phantom, multi-frame, in colour or without pixels.
    """
    try:
        with path.open("rb") as file:
            bare = file.read(PREAMBLE)[128:] != b"DICM"
        dataset = pydicom.dcmread(path, defer_size=defer_size, force=bare)
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as DICOM ({error}); the file is cut off or damaged") from error
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit = dataset.original_encoding[0]
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    _check_modality(dataset, path)
    if word(dataset, "QualityControlImage") in ("YES", "Y"):
        raise InputError(
            f"{path}: Quality Control Image (0028,0300) is YES, it shows a phantom; expected a mammogram: leave it out"
        )
    if "PixelData" not in dataset:
        raise InputError(
            f"{path}: has no Pixel Data (7FE0,0010), or is cut off within it; expected an image: export it again with "
            "its pixels"
        )
    missing = [keyword for keyword in OF_PIXELS if dataset.get(keyword) is None]
    if missing:
        told = ", ".join(map(attribute, missing))
        raise InputError(f"{path}: has no {told}, without which its pixels mean nothing: export it again")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise InputError(
            f"{path}: Number of Frames (0028,0008) is {frames}; expected a single image: "
            "tomosynthesis is not read, use the 2D or synthetic view"
        )
    photometric = dataset.get("PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or int(dataset.SamplesPerPixel) != 1:
        raise InputError(
            f"{path}: Photometric Interpretation (0028,0004) is {photometric}; expected MONOCHROME1 or MONOCHROME2"
        )
    _lift_groups(dataset)
    return dataset


def sop_class(dataset: pydicom.Dataset) -> UID | None:
    """Return the SOP Class UID (0008,0016), or what the file's own header (0002,0002) says in its place."""
    found = dataset.get("SOPClassUID") or (getattr(dataset, "file_meta", None) or {}).get("MediaStorageSOPClassUID")
    return UID(str(found)) if found else None


def attribute(keyword: str) -> str:
    """Return an attribute's name and tag, as `Rows (0028,0010)`."""
    return f"{dictionary_description(keyword)} {str(Tag(keyword)).upper()}"


def word(dataset: pydicom.Dataset, keyword: str) -> str:
    """Return an attribute's text in upper case without blanks round it, nothing where it is absent."""
    return str(dataset.get(keyword) or "").strip().upper()


def name_of(dataset: pydicom.Dataset) -> str:
    """Return the file that a dataset was read from, for messages."""
    return str(getattr(dataset, "filename", None) or "the dataset")


def lengths(dataset: pydicom.Dataset, keyword: str, name: str = "") -> list[float]:
    """Return the numbers of an attribute; none where it is absent or, which is logged, holds something else.

    Args:
        dataset: an image, or an item of one of its sequences.
        keyword: of the attribute.
        name: what the log calls the image; by default the file that the dataset was read from.
    """
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        return [float(number) for number in (value if isinstance(value, MultiValue) else [value])]
    except (TypeError, ValueError) as error:  # a comma for a point, text
        reason = " ".join(str(error).split())
        logger.warning("%s: %s holds no numbers and is passed over (%s)", name or name_of(dataset), keyword, reason)
        return []


def _check_modality(dataset: pydicom.Dataset, path: Path) -> None:
    """Refuse another modality; where none is said, the class of the object decides."""
    modality, storage = str(dataset.get("Modality") or "").strip(), sop_class(dataset)
    if modality in MODALITIES or (storage == SecondaryCaptureImageStorage and modality in OF_CAPTURES):
        return
    if modality:
        raise InputError(
            f"{path}: Modality (0008,0060) is {modality!r}; expected a mammogram, {' or '.join(MODALITIES)}"
        )
    if storage is not None and storage not in SOP_CLASSES:
        raise InputError(f"{path}: has no Modality (0008,0060) and is a {storage.name}; expected a mammogram")
    logger.warning(
        "%s: has no Modality (0008,0060); it is taken for a mammogram, as nothing contradicts (%s)",
        path, "no SOP class either" if storage is None else storage.name,
    )  # fmt: skip


def group_item(dataset: pydicom.Dataset, name: str) -> pydicom.Dataset | None:
    """Return a functional group of the first frame, None where the image has none of this name."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        frame = next(iter(dataset.get(groups) or ()), None)
        item = None if frame is None else next(iter(frame.get(name) or ()), None)
        if item is not None:
            return item
    return None


def _lift_groups(dataset: pydicom.Dataset) -> None:
    """Copy to the top what functional groups say of the frame; they are the ones that count."""
    for name, keywords in GROUPS.items():
        item = group_item(dataset, name) or pydicom.Dataset()
        for keyword in keywords:
            if keyword in item:
                dataset[keyword] = item[keyword]


def finite(values: list[float], count: int) -> np.ndarray | None:
    """Return values as an array if they are so many finite numbers."""
    return np.asarray(values) if len(values) == count and np.isfinite(values).all() else None
