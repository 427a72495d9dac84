"""The coded concepts of DICOM results: of SNOMED CT and DICOM where they have one, else of a private scheme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from highdicom import AlgorithmIdentificationSequence
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from monai_rescunet import __version__
from monai_rescunet.core import remarks
from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.provenance import Provenance
from monai_rescunet.core.result_names import DICOM_MANUFACTURER

ALGORITHM = "monai_rescunet"
FINDER = "monai_rescunet finder"
MANUFACTURER = DICOM_MANUFACTURER
MODEL = "ResCU-Net with mixed supervision"

SCHEME = "99RESCUNET"
CODING_SCHEME = CodingSchemeIdentificationItem(
    SCHEME, name="monai_rescunet", version=__version__, responsible_organization=MANUFACTURER
)


def _own(value: str, meaning: str) -> CodedConcept:
    """Return a concept of our own; at most 16 characters, since many readers know no Long Code Value (0008,0119)."""
    return CodedConcept(value, SCHEME, meaning)


MASS = codes.SCT.Mass  # CID 7159, Lesion Segmentation Types
MAMMOGRAPHIC_MASS = codes.SCT.MammographicBreastMass  # CID 6054, Breast Imaging Findings
ABNORMAL_STRUCTURE = codes.SCT.MorphologicallyAbnormalStructure
BREAST = codes.SCT.Breast
ABSENT = codes.SCT.Absent
LATERALITY = {"L": codes.SCT.Left, "R": codes.SCT.Right, "B": codes.SCT.RightAndLeft}  # CID 244
MAMMOGRAPHY = codes.SCT.Mammography
AREA = codes.SCT.Area
SQUARE_MILLIMETRES = codes.UCUM.SquareMillimeter
PIXELS = CodedConcept("{pixels}", "UCUM", "Pixels")
NO_UNITS = codes.UCUM.NoUnits
NEURAL_NETWORK = codes.DCM.ArtificialIntelligence

APPEARANCE = _own("appearance", "Appearance according to the algorithm")
PRESENCE = _own("presence", "Presence according to the algorithm")
DECISIONS = {BENIGN: codes.SCT.Benign, MALIGNANT: codes.SCT.Malignant}
"""SNOMED CT qualifiers; they stand under `APPEARANCE`, an algorithm's opinion of a picture, no pathology."""

SCORE = _own("score", "Score, 0 benign to 1 malignant, no probability")
THRESHOLDS = {
    "lambda1": _own("lambda1", "Threshold of background and lesion, grey level 0 to 255"),
    "lambda2": _own("lambda2", "Threshold of benign and malignant, grey level 0 to 255"),
}
SHARES = {
    "found": codes.DCM.CertaintyOfFinding,
    "probability": codes.DCM.ProbabilityOfCancer,
    "unlike_training": _own("unlike_training", "Share of training masses that were less unusual than this one"),
}
"""What is told in percent: the finder's confidence, the calibrated score, how unlike the training masses it is."""
REMARK = _own("remark", "Remark on how far to believe the algorithm")
REMARKS = {
    remark: _own(value, remark)
    for remark, value in {
        remarks.INVERTED: "inverted",
        remarks.ON_ITS_SIDE: "on_its_side",
        remarks.STRETCHED: "stretched",
        remarks.OUTSIDE_BREAST: "outside_breast",
        remarks.BOX_CUT: "box_cut",
        remarks.NO_PROPOSAL: "no_proposal",
        remarks.UNLIKE_TRAINING: "unusual",
        remarks.IMPLANT: "implant",
        remarks.DISPLACED_IMPLANT: "implant_moved",
        remarks.MAGNIFICATION: "magnification",
        remarks.SPOT_COMPRESSION: "spot_compression",
        remarks.SPECIMEN: "specimen",
        remarks.PHANTOM: "phantom",
    }.items()
}
"""What stands under `REMARK`, by the words of `results.csv`."""
AREA_METHODS = {
    "reconstructed": _own("reconstructed", "Pixel spacing of a reconstructed plane in the patient"),
    "calibrated": _own("calibrated", "Calibrated pixel spacing"),
    "estimated": _own("estimated", "Detector spacing over estimated magnification"),
    "detector": _own("detector", "Detector spacing, magnification not corrected"),
    "film": _own("film", "Spacing on the film, magnification not corrected"),
    "unspecified": _own("unspecified", "Pixel spacing, not said whether calibrated"),
}
"""How the pixel spacing behind an area was found, by `spacing_source`."""


ENGLISH = CodedConcept("en", "RFC5646", "English")
PERCENT = codes.UCUM.Percent
SIDES = {"L": codes.SCT.LeftBreast, "R": codes.SCT.RightBreast, "B": codes.SCT.BothBreasts}  # CID 6022
VIEWS = {
    "ML": codes.SCT.MedioLateralProjection,
    "MLO": codes.SCT.MedioLateralObliqueProjection,
    "LM": codes.SCT.LateroMedial,
    "LMO": codes.SCT.LateroMedialOblique,
    "CC": codes.SCT.CranioCaudal,
    "FB": codes.SCT.CaudoCranial,
    "SIO": codes.SCT.SuperolateralToInferomedialOblique,
    "ISO": codes.SCT.InferomedialToSuperolateralOblique,
    "XCCL": codes.SCT.CranioCaudalExaggeratedLaterally,
    "XCCM": codes.SCT.CranioCaudalExaggeratedMedially,
}
"""CID 4014, by View Position (0018,5101)."""

CAD_MASS = codes.SCT.MammographyBreastDensity
"""CID 6014, Mammography Single Image Finding: what a CAD has for a mass; CID 6016 has `MAMMOGRAPHIC_MASS`, of views."""
INDIVIDUAL_IMPRESSION = CodedConcept("111034", "DCM", "Individual Impression/Recommendation")
"""pydicom's meaning of it has a space of no width, which few character sets have."""


class CadSummary(NamedTuple):
    """The concepts that a CAD report lists its algorithms under."""

    summary: Code
    succeeded: Code
    failed: Code
    performed: Code
    kind: Code | CodedConcept


DETECTIONS = CadSummary(
    codes.DCM.SummaryOfDetections,
    codes.DCM.SuccessfulDetections,
    codes.DCM.FailedDetections,
    codes.DCM.DetectionPerformed,
    CAD_MASS,
)
ANALYSES = CadSummary(
    codes.DCM.SummaryOfAnalyses,
    codes.DCM.SuccessfulAnalyses,
    codes.DCM.FailedAnalyses,
    codes.DCM.AnalysisPerformed,
    CodedConcept("111233", "DCM", "Individual Impression / Recommendation Analysis"),  # benign or malignant
)
RESULT_STATUS = {
    (True, False): codes.DCM.Succeeded,
    (True, True): codes.DCM.PartiallySucceeded,
    (False, True): codes.DCM.Failed,
    (False, False): codes.DCM.NotAttempted,
}
"""CID 6042, by whether there is an image in which an algorithm succeeded, and one in which it failed."""


def cad_summary(outcomes: Sequence[bool], *, findings: bool) -> Code:
    """Return the CAD Processing and Findings Summary, CID 6047, of which algorithms succeeded in which images."""
    if all(outcomes):
        names = codes.DCM.AllAlgorithmsSucceededWithoutFindings, codes.DCM.AllAlgorithmsSucceededWithFindings
    elif any(outcomes) or findings:
        names = codes.DCM.NotAllAlgorithmsSucceededWithoutFindings, codes.DCM.NotAllAlgorithmsSucceededWithFindings
    else:
        return codes.DCM.NoAlgorithmsSucceededWithoutFindings
    return names[findings]


def algorithm_identification(provenance: Provenance) -> AlgorithmIdentificationSequence:
    """Return what made the segments: name, version, source (0066,002F)."""
    return AlgorithmIdentificationSequence(
        name=ALGORITHM, family=NEURAL_NETWORK, version=provenance.version, source=MANUFACTURER
    )
