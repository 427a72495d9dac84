"""Outlines of masses as a DICOM Segmentation: one segment a mass, pixel for pixel over the mammogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept

from monai_rescunet.core.classes import CLASS_VALUES, COLOURS, UNDECIDED
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.dicom import codes
from monai_rescunet.dicom.source import equipment, finish, read_source, reference_of, side_of, size_of
from monai_rescunet.results.outline import number_of, outlined
from monai_rescunet.transforms.outline import Outline

__all__ = ["to_segmentation", "tracking_id"]

SERIES_NUMBER = 9901


def to_segmentation(
    source: str | Path, masses: Sequence[Mapping[str, Any]], *, provenance: Provenance | None = None
) -> Segmentation:
    """Return the outlines of an image's masses as a DICOM Segmentation that refers to it.

    Every outlined mass is a binary segment of the property type Mass (SNOMED CT 4147007), modified by Benign
    (30807003) or Malignant (21594007) where the algorithm decided; segments may overlap. Its algorithm type is
    AUTOMATIC where the finder proposed the mass, SEMIAUTOMATIC where a person said where to look. The breast is
    modified by its side, where the image says it. The rows and columns are those of the image. Patient and study are
    copied from it. A mammogram is a projection without a plane in the patient, so no plane is written, and the spacing
    stays where it is explained: in the image.

    Args:
        source: the mammogram, a DICOM file.
        masses: as `monai_rescunet.predict` returns them: `mask`, the outline `(columns, rows)`, `decision`, `mass`,
            `found` where the finder proposed it.
        provenance: versions of bundle and weights.

    Raises:
        InputError: the source is no DICOM image; a mask has another size; no mass was outlined, and a segmentation
            cannot be empty.

    Example:
        >>> masses = predict("mammogram.dcm", box=[1200, 800, 1500, 1130])  # doctest: +SKIP
        >>> to_segmentation("mammogram.dcm", masses).save_as("mammogram_seg.dcm")  # doctest: +SKIP
    """
    image = read_source(source)
    found = outlined(masses, size_of(image), source)
    if not found:
        raise InputError(f"{source}: no mass was outlined, so that there is nothing to store as a segmentation")
    segmentation = Segmentation(
        source_images=[reference_of(image)],
        pixel_array=_frame([outline for _, outline in found], size_of(image)),
        segmentation_type="BINARY",
        segment_descriptions=[
            _describe(image, number, mass, provenance or Provenance())
            for number, (mass, _) in enumerate(found, start=1)
        ],
        content_label="MASSES",
        content_description="Outlines of masses by research software",
        content_creator_name=None,
        **equipment("Outlines of masses (research)", SERIES_NUMBER),
    )
    segmentation.PatientOrientation = image.get("PatientOrientation")  # asked for where no plane is given
    finish(segmentation, image)
    return segmentation


def _frame(outlines: Sequence[Outline], size: tuple[int, int]) -> np.ndarray:
    """Return the masses as highdicom takes them: their numbers, from 1, `(1, rows, columns)`.

    Where two overlap it is a plane a mass, `(1, rows, columns, masses)`, which takes many times the memory.
    """
    numbers = np.zeros((1, size[1], size[0]), np.min_scalar_type(len(outlines)))
    for number, outline in enumerate(outlines, start=1):
        region = numbers[0].T[outline.slices]
        if region[outline.mask].any():
            break
        region[outline.mask] = number
    else:
        return numbers
    planes = np.zeros((*numbers.shape, len(outlines)), np.uint8)
    for number, outline in enumerate(outlines):
        planes[0, :, :, number].T[outline.slices] = outline.mask
    return planes


def tracking_id(image: pydicom.Dataset, mass: Mapping[str, Any]) -> str:
    """Return the name that a mass has in every result about its image."""
    return f"{image.SOPInstanceUID} mass {mass.get('mass', 0)}"


def _describe(
    image: pydicom.Dataset, number: int, mass: Mapping[str, Any], provenance: Provenance
) -> SegmentDescription:
    decision = mass["decision"]
    opinion = f", looks {decision}" if decision else ""
    description = SegmentDescription(
        segment_number=number,
        segment_label=f"Mass {mass.get('mass', 0)}{opinion}",
        segmented_property_category=codes.ABNORMAL_STRUCTURE,
        segmented_property_type=codes.MASS,
        algorithm_type="SEMIAUTOMATIC" if number_of(mass, "found") is None else "AUTOMATIC",
        algorithm_identification=codes.algorithm_identification(provenance),
        tracking_id=tracking_id(image, mass),
        tracking_uid=pydicom.uid.generate_uid(prefix=None),
        anatomic_regions=[codes.BREAST],
        display_color=CIELabColor.from_rgb(*COLOURS[CLASS_VALUES.get(decision, UNDECIDED)]),
    )
    side = codes.LATERALITY.get(side_of(image))
    if side is not None:
        (region,) = description.AnatomicRegionSequence
        region.AnatomicRegionModifierSequence = [CodedConcept.from_code(side)]
    if decision in codes.DECISIONS:
        (property_type,) = description.SegmentedPropertyTypeCodeSequence
        property_type.SegmentedPropertyTypeModifierCodeSequence = [CodedConcept.from_code(codes.DECISIONS[decision])]
    return description
