"""Where a mammogram's pixels lie and what they measure, with the provenance of that."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from monai.utils import MetaKeys
from pydicom.uid import (
    BreastProjectionXRayImageStorageForPresentation,
    BreastProjectionXRayImageStorageForProcessing,
    BreastTomosynthesisImageStorage,
    SecondaryCaptureImageStorage,
)

from monai_rescunet.core.remarks import REMARKS, joined
from monai_rescunet.data.readers.dicom.header import finite, group_item, lengths, name_of, sop_class
from monai_rescunet.data.readers.dicom.view_remarks import view_remarks

__all__ = ["MAX_SPACING_MM", "is_spacing", "metadata", "pixel_spacing"]

logger = logging.getLogger(__name__)

MIN_SPACING_MM, MAX_SPACING_MM = 0.01, 1.0  # a detector's pixels measure 0.05 to 0.1 mm, a film scanner's 0.04 to 0.2
MAX_ASPECT = 2.0
SPACING_ROUNDING = 1e-3
MAX_MAGNIFICATION = 5.0
MULTI_FRAME = (
    BreastTomosynthesisImageStorage,
    BreastProjectionXRayImageStorageForPresentation,
    BreastProjectionXRayImageStorageForProcessing,
)
VIEWS = {
    "399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO",
    "399260004": "ML", "R-10224": "ML", "399352003": "LM", "R-10228": "LM",
}  # fmt: skip
"""Codes of a view (PS3.16, CID 4014) by SNOMED CT and by its older identifiers."""


def metadata(dataset: pydicom.Dataset) -> dict[str, Any]:
    """Return what is known of a mammogram beside its pixels; nothing that names a person.

    Args:
        dataset: what `open_dicom` returned.
    """
    spacing, source = pixel_spacing(dataset)
    plane = _plane(dataset)
    meta: dict[str, Any] = {
        MetaKeys.AFFINE: _affine(dataset) if plane is None else plane,
        "geometry": "viewer" if plane is None else "plane",
        "spacing_source": source,
        "laterality": str(_first(dataset, "ImageLaterality", "FrameLaterality", "Laterality")),
        "view": str(_coded_view(dataset) or dataset.get("ViewPosition") or ""),
        "sop_instance_uid": str(dataset.get("SOPInstanceUID") or ""),
        REMARKS: joined(*view_remarks(dataset)),
    }
    if plane is not None:  # a slice in space, which two axes cannot hold
        meta["nifti_shape"] = np.asarray((int(dataset.Columns), int(dataset.Rows), 1))
    if spacing is not None:
        meta["spacing"] = np.asarray(spacing)
    return meta


def pixel_spacing(dataset: pydicom.Dataset) -> tuple[tuple[float, float] | None, str]:
    """Return the (column, row) spacing in mm, None if unknown, and where it comes from.

    In this order: `reconstructed`, Pixel Spacing (0028,0030) of a tomosynthesis object, in the patient's plane;
    `calibrated`, Pixel Spacing that has a calibration type (0028,0A02) or differs by more than rounding from the two
    that follow (PS3.3, 10.7.1.3); `estimated`, Imager Pixel Spacing (0018,1164) over Estimated Radiographic
    Magnification Factor (0018,1114), in the patient's plane; `detector`, Imager Pixel Spacing alone; `film`, Nominal
    Scanned Pixel Spacing (0018,2010); `unspecified`, Pixel Spacing that stands alone; `unknown`. A value over 1 mm or
    below 0.01 mm, another than two numbers, or one of which a side is more than twice the other, is no mammogram's, nor
    is a magnification below 1 or over 5: it is logged and passed over.
    """
    measures, name = group_item(dataset, "PixelMeasuresSequence"), name_of(dataset)
    pixel = _spacing(dataset if measures is None else measures, "PixelSpacing", name)
    imager = _spacing(dataset, "ImagerPixelSpacing", name)
    scanned = _spacing(dataset, "NominalScannedPixelSpacing", name)
    measured = [spacing for spacing in (imager, scanned) if spacing is not None]
    if pixel is not None:
        if sop_class(dataset) == BreastTomosynthesisImageStorage:
            return pixel, "reconstructed"
        copied = any(np.allclose(pixel, spacing, rtol=SPACING_ROUNDING, atol=0) for spacing in measured)
        if dataset.get("PixelSpacingCalibrationType") or (measured and not copied):
            return pixel, "calibrated"
    if imager is not None:
        magnification = next(iter(lengths(dataset, "EstimatedRadiographicMagnificationFactor")), 0.0)
        if 1 <= magnification <= MAX_MAGNIFICATION:
            return (imager[0] / magnification, imager[1] / magnification), "estimated"
        if magnification:
            logger.warning("%s: a magnification of %g is no mammogram's and is passed over", name, magnification)
        return imager, "detector"
    if scanned is not None:
        return scanned, "film"
    return pixel, "unknown" if pixel is None else "unspecified"


def is_spacing(lengths_mm: Sequence[float]) -> bool:
    """Return whether the sides of a pixel, mm, can be a mammogram's: neither absurdly long, short nor unequal."""
    shortest, longest = min(lengths_mm), max(lengths_mm)
    return MIN_SPACING_MM <= shortest <= longest <= min(MAX_SPACING_MM, MAX_ASPECT * shortest)


def _spacing(dataset: pydicom.Dataset, keyword: str, name: str) -> tuple[float, float] | None:
    found = lengths(dataset, keyword, name)
    if not found:
        return None
    if len(found) != 2 or not is_spacing(found):
        text = " x ".join(f"{length:g}" for length in found)
        logger.warning("%s: %s of %s mm is no mammogram's and is passed over", name, keyword, text)
        return None
    row, column = found  # DICOM gives the distance between rows first
    return column, row


def _viewers_spacing(dataset: pydicom.Dataset) -> tuple[float, float]:
    """Return the (column, row) spacing with which ITK, and so the viewers, have an image, whatever it is in truth."""
    storage = sop_class(dataset)
    if storage in MULTI_FRAME:
        keywords: tuple[str, ...] = ("PixelSpacing",)
    elif storage == SecondaryCaptureImageStorage:
        keywords = ("PixelSpacing", "NominalScannedPixelSpacing")
    else:
        keywords = ("ImagerPixelSpacing",)
    known = (finite(lengths(dataset, word), 2) for word in keywords)
    row, column = next((found for found in known if found is not None and (found > 0).all()), (1.0, 1.0))
    return float(column), float(row)


def _affine(dataset: pydicom.Dataset) -> np.ndarray:
    """Return the geometry in which ITK has a mammogram that says nothing of its plane.

    It lies at the origin along DICOM's axes, left and posterior; an affine points right and anterior.
    """
    column, row = _viewers_spacing(dataset)
    return np.diag([-column, -row, 1.0, 1.0])


def _plane(dataset: pydicom.Dataset) -> np.ndarray | None:
    """Return the geometry by Image Position and Image Orientation (Patient), as ITK has it; None without them."""
    position = finite(lengths(dataset, "ImagePositionPatient"), 3)
    orientation = finite(lengths(dataset, "ImageOrientationPatient"), 6)
    if position is None and orientation is None:
        return None
    along_row, along_column = np.array([[1.0, 0, 0], [0, 1, 0]]) if orientation is None else orientation.reshape(2, 3)
    column, row = _viewers_spacing(dataset)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_row * column, along_column * row
    affine[:3, 2] = np.cross(along_row, along_column)
    affine[:3, 3] = 0 if position is None else position
    return np.diag([-1.0, -1, 1, 1]) @ affine


def _first(dataset: pydicom.Dataset, *keywords: str) -> str:
    return next((str(dataset[word].value) for word in keywords if dataset.get(word)), "")


def _coded_view(dataset: pydicom.Dataset) -> str:
    item = next(iter(dataset.get("ViewCodeSequence") or ()), pydicom.Dataset())
    return VIEWS.get(str(item.get("CodeValue") or ""), "")
