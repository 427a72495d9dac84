"""Findings in the mammograms of a study as a Mammography CAD SR, which reading workstations show: TID 4000."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pydicom
from highdicom import SOPClass
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ImageContentItem,
    LanguageOfContentItemAndDescendants,
    NumContentItem,
    ScoordContentItem,
    TextContentItem,
    UIDRefContentItem,
)
from highdicom.sr.utils import collect_evidence
from pydicom.sr.codedict import codes as standard
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, MammographyCADSRStorage, generate_uid

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.dicom import codes
from monai_rescunet.dicom.cad_findings import CadFinding, CadImage
from monai_rescunet.dicom.source import equipment, finish, reference_of, side_of, view_of

__all__ = ["to_mammography_cad"]

DCM = standard.DCM
SERIES_NUMBER = 9904
LIBRARY = 2  # position of the Image Library among the root's items, counted from 1
CONTENT_SEQUENCE = 0x0040A730
MOD, CONTEXT, ACQUIRED = "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT"
CONTAINS, PROPERTY, INFERRED = "CONTAINS", "HAS PROPERTIES", "INFERRED FROM"


def to_mammography_cad(
    images: Sequence[CadImage], provenance: Provenance | None = None, finder: Provenance | None = None
) -> SOPClass:
    """Return a Mammography CAD SR (1.2.840.10008.5.1.4.1.1.88.50) of the views of one study, TID 4000.

    Each finding is a Single Image Finding (TID 4006), `Mammography breast density`, which is what CID 6014 has for a
    mass: centre and outline as spatial coordinates (TID 4021), the finder's confidence as Certainty of Finding and the
    probability of malignancy as Probability of cancer, in percent, where there are any. Detections and analyses are
    listed by image as succeeded or failed (TID 4015, 4016); those that nobody asked for are Not Attempted.

    Args:
        images: what `cad_image` returned for each view.
        provenance: version of what outlines and classifies.
        finder: version of what finds; that of `provenance` where none is given.

    Raises:
        InputError: there is no image, an image is there twice, or they are not all of one study.

    Example:
        >>> views = [cad_image(path, predict(path)) for path in study]  # doctest: +SKIP
        >>> to_mammography_cad(views).save_as("cad.dcm")  # doctest: +SKIP
    """
    _check(images)
    provenance = provenance or Provenance()
    library = ContainerContentItem(DCM.ImageLibrary, relationship_type=CONTAINS)
    root = _with(
        ContainerContentItem(DCM.MammographyCADReport, template_id="4000"),
        [
            *LanguageOfContentItemAndDescendants(codes.ENGLISH),
            _with(library, map(_entry, images)),
            _results(images, provenance, finder or provenance),
            _summary(images, "detected", codes.DETECTIONS, codes.FINDER, finder or provenance),
            _summary(images, "analysed", codes.ANALYSES, codes.ALGORITHM, provenance),
        ],
    )
    header = images[0].header
    report = SOPClass(
        study_instance_uid=header.StudyInstanceUID,
        sop_class_uid=MammographyCADSRStorage,
        modality="SR",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **equipment("Findings in mammograms (research)", SERIES_NUMBER),
    )
    report.CompletionFlag = "COMPLETE"
    report.VerificationFlag = "UNVERIFIED"
    report.PreliminaryFlag = "PRELIMINARY"
    report.PerformedProcedureCodeSequence = []
    report.ReferencedPerformedProcedureStepSequence = []
    report.CurrentRequestedProcedureEvidenceSequence = _evidence(images)
    report.update(root)
    finish(report, header, [image.header for image in images[1:]])
    return report


def _check(images: Sequence[CadImage]) -> None:
    if not images:
        raise InputError("there is no image for the CAD report; expected at least one mammogram")
    names = [str(image.header.SOPInstanceUID) for image in images]
    if len(set(names)) < len(names):
        raise InputError("an image is there twice in the CAD report; give each with all its masses")
    if len({image.study for image in images}) > 1:
        raise InputError(
            "the images of the CAD report are not of one study (Study Instance UID (0020,000D)); "
            "make a report for each study"
        )


def _evidence(images: Sequence[CadImage]) -> list[pydicom.Dataset]:
    content = pydicom.Dataset()  # where highdicom would look whether an image was forgotten
    content.ContentSequence = []
    return collect_evidence([reference_of(image.header) for image in images], content, images[0].study)[0]


def _with(item: ContentItem, children: Iterable[ContentItem | pydicom.Dataset]) -> ContentItem:
    """Return an item with its children, which highdicom's own way lets be by value only."""
    children = list(children)
    if children:
        item.add_new(CONTENT_SEQUENCE, "SQ", children)
    return item


def _reference(position: int, relationship: str) -> pydicom.Dataset:
    """Return the relationship to an image of the library by reference; highdicom has no item for it."""
    reference = pydicom.Dataset()
    reference.RelationshipType = relationship
    reference.ReferencedContentItemIdentifier = [1, LIBRARY, position]
    return reference


def _code(name: Code, value: Code | CodedConcept, relationship: str) -> CodeContentItem:
    return CodeContentItem(name, value, relationship_type=relationship)


def _text(name: Code, value: str, relationship: str = PROPERTY) -> TextContentItem:
    return TextContentItem(name, value, relationship_type=relationship)


def _algorithm(name: str, provenance: Provenance) -> list[ContentItem]:
    """TID 4019."""
    return [_text(DCM.AlgorithmName, name), _text(DCM.AlgorithmVersion, provenance.version)]


def _entry(image: CadImage) -> ContentItem:
    """TID 4020: an image and what a reader orders images by."""
    header = image.header
    entry = ImageContentItem(DCM.ImageLibrary, header.SOPClassUID, header.SOPInstanceUID, relationship_type=CONTAINS)
    del entry.ConceptNameCodeSequence  # highdicom wants a name, the template has none
    known = []
    side, view = codes.SIDES.get(side_of(header)), view_of(header)
    if side is not None:
        known.append(_code(DCM.ImageLaterality, side, ACQUIRED))
    if view is not None:
        known.append(_code(DCM.ImageView, view, ACQUIRED))
    directions = header.get("PatientOrientation") or []
    if len(directions) == 2 and all(directions):
        known.append(_text(DCM.PatientOrientationRow, directions[0], ACQUIRED))
        known.append(_text(DCM.PatientOrientationColumn, directions[1], ACQUIRED))
    return _with(entry, known)


def _results(images: Sequence[CadImage], provenance: Provenance, finder: Provenance) -> ContentItem:
    """TID 4001: what came of it all, in words, and each finding."""
    outcomes = [done for image in images for done in (image.detected, image.analysed) if done is not None]
    summary = codes.cad_summary(outcomes, findings=any(image.findings for image in images))
    return _with(
        _code(DCM.CADProcessingAndFindingsSummary, summary, CONTAINS),
        [
            _text(DCM.ImpressionDescription, _in_words(images)),
            *_algorithm(codes.ALGORITHM, provenance),
            *(
                _finding(finding, position, provenance, finder)
                for position, image in enumerate(images, start=1)
                for finding in image.findings
            ),
        ],
    )


def _in_words(images: Sequence[CadImage]) -> str:
    """Return what a reader is told; the IOD lets a finding have no text of its own."""
    lines = ["For research, not for diagnosis."]
    for position, image in enumerate(images, start=1):
        view = " ".join(filter(None, [side_of(image.header), str(image.header.get("ViewPosition") or "")]))
        name = f"Image {position} ({view})" if view else f"Image {position}"
        words = ("could not be judged",) if image.detected is False else image.words or ("no finding",)
        lines += [f"{name}: {text}." for text in words]
    return "\n".join(lines)


def _finding(finding: CadFinding, position: int, provenance: Provenance, finder: Provenance) -> ContentItem:
    """TID 4003 with the one finding, TID 4006, that it stands on."""
    told = [(DCM.CertaintyOfFinding, finding.certainty), (DCM.ProbabilityOfCancer, finding.probability)]
    places = [_place(DCM.Center, "POINT", [finding.centre], position)]
    if finding.outline is not None:
        places.append(_place(DCM.Outline, "POLYLINE", finding.outline, position))
    intent = _code(DCM.RenderingIntent, DCM.PresentationRequiredRenderingDeviceIsExpectedToPresent, MOD)
    single = _with(
        _code(DCM.SingleImageFinding, codes.CAD_MASS, CONTAINS),
        [
            intent,
            _text(DCM.TrackingIdentifier, finding.name, CONTEXT),
            UIDRefContentItem(DCM.TrackingUniqueIdentifier, generate_uid(prefix=None), relationship_type=CONTEXT),
            *(
                _algorithm(codes.ALGORITHM, provenance)
                if finding.certainty is None
                else _algorithm(codes.FINDER, finder)
            ),
            *(
                NumContentItem(name, value, codes.PERCENT, relationship_type=PROPERTY)
                for name, value in told
                if value is not None
            ),
            *places,
        ],
    )
    return _with(
        ContainerContentItem(codes.INDIVIDUAL_IMPRESSION, relationship_type=INFERRED),
        [intent, single],
    )


def _place(name: Code, kind: str, points: Any, position: int) -> ContentItem:
    """TID 4021: a point or line in an image of the library."""
    item = ScoordContentItem(name, kind, np.asarray(points, dtype=float), relationship_type=PROPERTY)
    return _with(item, [_reference(position, "SELECTED FROM")])


def _summary(
    images: Sequence[CadImage], what: str, names: codes.CadSummary, algorithm: str, provenance: Provenance
) -> ContentItem:
    """TID 4015 or 4016 under its summary: in which images an algorithm succeeded, and in which it failed."""
    outcomes = [getattr(image, what) for image in images]
    if what == "analysed" and None in outcomes:  # a network without classes, also where nothing was found
        outcomes = [None] * len(outcomes)
    positions = {wanted: [n for n, got in enumerate(outcomes, start=1) if got is wanted] for wanted in (True, False)}
    status = codes.RESULT_STATUS[bool(positions[True]), bool(positions[False])]
    groups = [
        _with(
            ContainerContentItem(group, relationship_type=INFERRED),
            [
                _with(
                    _code(names.performed, names.kind, CONTAINS),
                    [*_algorithm(algorithm, provenance), *(_reference(n, PROPERTY) for n in positions[outcome])],
                )
            ],
        )
        for outcome, group in ((True, names.succeeded), (False, names.failed))
        if positions[outcome]
    ]
    return _with(_code(names.summary, status, CONTAINS), groups)
