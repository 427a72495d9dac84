"""What a DICOM header says of a mammogram that is not the usual view of a breast as it is."""

from __future__ import annotations

import pydicom

from monai_rescunet.core.remarks import DISPLACED_IMPLANT, IMPLANT, MAGNIFICATION, SPECIMEN, SPOT_COMPRESSION

__all__ = ["unusual"]

VIEWS = {
    "127457009": SPECIMEN, "G-8310": SPECIMEN,
    "399163009": MAGNIFICATION, "R-102D6": MAGNIFICATION,
    "399055006": SPOT_COMPRESSION, "R-102D7": SPOT_COMPRESSION,
    "399209000": DISPLACED_IMPLANT, "R-102D5": DISPLACED_IMPLANT,
}  # fmt: skip
"""Codes of a view and its modifiers (PS3.16, CID 4014 and 4015) by SNOMED CT and by its older identifiers."""


def unusual(dataset: pydicom.Dataset) -> list[str]:
    """Return remarks on a mammogram of which the networks saw few or none in training.

    Looked at are Breast Implant Present (0028,1300), View Code Sequence (0054,0220) and in it View Modifier Code
    Sequence (0054,0222).
    """
    views = dataset.get("ViewCodeSequence") or ()
    codes = [code for view in views for code in (view, *(view.get("ViewModifierCodeSequence") or ()))]
    remarks = [VIEWS[value] for code in codes if (value := str(code.get("CodeValue") or "").strip()) in VIEWS]
    return [*([IMPLANT] if str(dataset.get("BreastImplantPresent") or "").strip() == "YES" else []), *remarks]
