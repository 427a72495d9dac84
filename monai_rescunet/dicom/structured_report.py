"""What was measured of each mass, as a DICOM Structured Report: TID 1500, Measurement Report."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
from highdicom.seg import Segmentation
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    ReferencedSegmentationFrame,
    SourceImageForMeasurementGroup,
    SourceImageForSegmentation,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes as standard

from monai_rescunet import __version__
from monai_rescunet.core.classes import NO_FINDING
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.core.remarks import remarks_of
from monai_rescunet.data.readers.dicom import pixel_spacing
from monai_rescunet.dicom import codes
from monai_rescunet.dicom.segmentation import tracking_id
from monai_rescunet.dicom.source import equipment, finish, read_source, reference_of, side_of, size_of
from monai_rescunet.results.outline import number_of, outlined

__all__ = ["to_structured_report"]

SERIES_NUMBER = 9902
DEVICE_UID = pydicom.uid.UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'monai_rescunet/{__version__}').int}")


def to_structured_report(
    source: str | Path,
    masses: Sequence[Mapping[str, Any]],
    segmentation: Segmentation | None = None,
    *,
    provenance: Provenance | None = None,
) -> ComprehensiveSR:
    """Return the measurements of an image's masses as a Comprehensive SR of template TID 1500.

    Each mass is a measurement group: what it looks like according to the algorithm (SNOMED CT Benign or Malignant under
    a private concept that says whose opinion it is), its area, score and thresholds, and its segment. The area is in
    mm² where the pixel spacing is known, with the kind of spacing as its method, and in pixels always; the finder's
    confidence and the probability of malignancy are in percent, where there are any, and each of its `remarks` is an
    evaluation of its own. A mass that was looked for and not found is Absent. The report is partial, preliminary and
    unverified: nobody has read it. It has no Image Library, which TID 1500 leaves to the writer: every group names its
    image.

    Args:
        source: the mammogram, a DICOM file.
        masses: as `monai_rescunet.predict` returns them: `mask`, the outline `(columns, rows)`, `decision`, `score`,
            `lambda1`, `lambda2`, `mass`, and `found`, `probability` and `remarks` where they have them. None at
            all, or one that says `no finding`: nothing was found.
        segmentation: what `to_segmentation` returned for the same masses; None where none was outlined.
        provenance: versions of bundle and weights.

    Raises:
        InputError: the source is no DICOM image; a mask has another size; the segmentation lacks a mass.
    """
    image = read_source(source)
    masses = masses or [{"decision": NO_FINDING}]
    outlines = {id(mass): outline for mass, outline in outlined(masses, size_of(image), source)}
    found = [mass for mass in masses if id(mass) in outlines]
    algorithm = _algorithm(provenance or Provenance())
    segments = _segments(segmentation)
    missing = [mass for mass in found if tracking_id(image, mass) not in segments]
    if missing:
        raise InputError(
            f"{source}: the segmentation has no segment of mass {missing[0].get('mass', 0)}; "
            "give what to_segmentation returned for the same masses"
        )
    reference = reference_of(image)
    groups = [
        _found(image, mass, outlines[id(mass)].area, algorithm, segmentation, segments[tracking_id(image, mass)])
        if segmentation is not None and id(mass) in outlines
        else _not_found(image, mass, algorithm)
        for mass in masses
    ]
    report = MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=ObserverContext(
                observer_type=standard.DCM.Device,
                observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
                    uid=DEVICE_UID,
                    name=codes.ALGORITHM,
                    manufacturer_name=codes.MANUFACTURER,
                    model_name=codes.MODEL,
                ),
            )
        ),
        procedure_reported=codes.MAMMOGRAPHY,
        imaging_measurements=groups,
        title=standard.DCM.ImagingMeasurementReport,
    )
    structured_report = ComprehensiveSR(
        evidence=[reference, *([segmentation] if segmentation is not None else [])],
        content=report,
        **equipment("Measurements of masses (research)", SERIES_NUMBER),
    )
    finish(structured_report, image)
    return structured_report


def _segments(segmentation: Segmentation | None) -> dict[str, Any]:
    """Return the segments by their tracking id."""
    return {} if segmentation is None else {str(item.TrackingID): item for item in segmentation.SegmentSequence}


def _found(
    image: pydicom.Dataset,
    mass: Mapping[str, Any],
    area: int,
    algorithm: AlgorithmIdentification,
    segmentation: Segmentation,
    segment: pydicom.Dataset,
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    decision = mass["decision"]
    evaluations = []
    if decision in codes.DECISIONS:
        evaluations = [QualitativeEvaluation(codes.APPEARANCE, CodedConcept.from_code(codes.DECISIONS[decision]))]
    number = int(segment.SegmentNumber)
    frame = ReferencedSegmentationFrame(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        frame_number=number,  # a frame a segment, in their order
        segment_number=number,
        source_image=SourceImageForSegmentation(image.SOPClassUID, image.SOPInstanceUID),
    )
    # highdicom writes both, the standard allows one (PS3.3, table 10-3)
    del frame[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=segment.TrackingUID, identifier=segment.TrackingID),
        referenced_segment=frame,
        finding_type=codes.MAMMOGRAPHIC_MASS,
        algorithm_id=algorithm,
        finding_sites=_sites(image),
        measurements=[*_areas(image, area), *_figures(mass)],
        qualitative_evaluations=[*evaluations, *_remarks(mass)],
    )


def _not_found(
    image: pydicom.Dataset, mass: Mapping[str, Any], algorithm: AlgorithmIdentification
) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=pydicom.uid.generate_uid(prefix=None), identifier=tracking_id(image, mass)
        ),
        finding_type=codes.MAMMOGRAPHIC_MASS,
        algorithm_id=algorithm,
        finding_sites=_sites(image),
        qualitative_evaluations=[
            QualitativeEvaluation(codes.PRESENCE, CodedConcept.from_code(codes.ABSENT)),
            *_remarks(mass),
        ],
        source_images=[SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)],
    )


def _remarks(mass: Mapping[str, Any]) -> list[QualitativeEvaluation]:
    return [QualitativeEvaluation(codes.REMARK, codes.REMARKS[remark]) for remark in remarks_of(mass)]


def _areas(image: pydicom.Dataset, pixels: int) -> list[Measurement]:
    areas = [Measurement(codes.AREA, pixels, codes.PIXELS)]
    spacing, source = pixel_spacing(image)
    if spacing is not None:
        area = round(pixels * spacing[0] * spacing[1], 4)
        areas.insert(0, Measurement(codes.AREA, area, codes.SQUARE_MILLIMETRES, method=codes.AREA_METHODS[source]))
    return areas


def _figures(mass: Mapping[str, Any]) -> list[Measurement]:
    """Return score, thresholds, confidence and probability, as far as the mass has them."""
    figures = {codes.SCORE: number_of(mass, "score")}
    figures |= {name: number_of(mass, key) for key, name in codes.THRESHOLDS.items()}
    measurements = [Measurement(name, value, codes.NO_UNITS) for name, value in figures.items() if value is not None]
    shares = {name: number_of(mass, key) for key, name in codes.SHARES.items()}
    return measurements + [
        Measurement(name, round(100 * value, 2), codes.PERCENT) for name, value in shares.items() if value is not None
    ]


def _algorithm(provenance: Provenance) -> AlgorithmIdentification:
    return AlgorithmIdentification(name=codes.ALGORITHM, version=provenance.version, manufacturer=codes.MANUFACTURER)


def _sites(image: pydicom.Dataset) -> list[FindingSite]:
    return [FindingSite(codes.BREAST, laterality=codes.LATERALITY.get(side_of(image)))]
