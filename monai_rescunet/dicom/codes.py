"""The coded concepts of DICOM results: of SNOMED CT and DICOM where they have one, else of a private scheme."""

from __future__ import annotations

from highdicom import AlgorithmIdentificationSequence
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

from monai_rescunet import __version__
from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.core.result_names import MANUFACTURER

ALGORITHM = "monai_rescunet"
MODEL = "ResCU-Net with mixed supervision"

SCHEME = "99RESCUNET"
CODING_SCHEME = CodingSchemeIdentificationItem(
    SCHEME, name="monai_rescunet", version=__version__, responsible_organization=MANUFACTURER
)


def _own(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, SCHEME, meaning)


MASS = codes.SCT.Mass  # CID 7159, Lesion Segmentation Types
MAMMOGRAPHIC_MASS = codes.SCT.MammographicBreastMass  # CID 6054, Breast Imaging Findings
ABNORMAL_STRUCTURE = codes.SCT.MorphologicallyAbnormalStructure
BREAST = codes.SCT.Breast
ABSENT = codes.SCT.Absent
LATERALITY = {"L": codes.SCT.Left, "R": codes.SCT.Right}
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
AREA_METHODS = {
    "calibrated": _own("spacing-calibrated", "Calibrated pixel spacing"),
    "estimated": _own("spacing-estimated", "Detector spacing over estimated magnification"),
    "detector": _own("spacing-detector", "Detector spacing, magnification not corrected"),
    "film": _own("spacing-film", "Spacing on the film, magnification not corrected"),
    "unspecified": _own("spacing-unspecified", "Pixel spacing, not said whether calibrated"),
}
"""How the pixel spacing behind an area was found, by `spacing_source`."""


def algorithm_identification() -> AlgorithmIdentificationSequence:
    """Return what made the segments: name, version, source (0066,002F)."""
    return AlgorithmIdentificationSequence(
        name=ALGORITHM, family=NEURAL_NETWORK, version=__version__, source=MANUFACTURER
    )
