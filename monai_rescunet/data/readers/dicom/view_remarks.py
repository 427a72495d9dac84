"""What a DICOM header says of a mammogram that is not the usual view of a breast as it is."""

from __future__ import annotations

import pydicom

from monai_rescunet.core.remarks import DISPLACED_IMPLANT, IMPLANT, MAGNIFICATION, PHANTOM, SPECIMEN, SPOT_COMPRESSION
from monai_rescunet.data.readers.dicom.header import word

__all__ = ["view_remarks"]

VIEWS = {
    "127457009": SPECIMEN, "G-8310": SPECIMEN,
    "399163009": MAGNIFICATION, "R-102D6": MAGNIFICATION,
    "399055006": SPOT_COMPRESSION, "R-102D7": SPOT_COMPRESSION,
    "399209000": DISPLACED_IMPLANT, "R-102D5": DISPLACED_IMPLANT,
}  # fmt: skip
"""Codes of a view and its modifiers (PS3.16, CID 4014 and 4015) by SNOMED CT and by its older identifiers."""
MEANINGS = {
    "tissue specimen from breast": SPECIMEN,
    "magnification": MAGNIFICATION,
    "spot compression": SPOT_COMPRESSION,
    "implant displaced": DISPLACED_IMPLANT,
}
"""What Code Meaning (0008,0104) says of them, for codes of other schemes."""


def view_remarks(dataset: pydicom.Dataset) -> list[str]:
    """Return remarks on a mammogram of which the networks saw few or none in training.

    Looked at are Quality Control Image (0028,0300), which is BOTH where a phantom lies beside the breast, Breast
    Implant Present (0028,1300), View Code Sequence (0054,0220) and in it View Modifier Code Sequence (0054,0222).
    """
    views = dataset.get("ViewCodeSequence") or ()
    codes = [code for view in views for code in (view, *(view.get("ViewModifierCodeSequence") or ()))]
    return [
        *([PHANTOM] if word(dataset, "QualityControlImage") == "BOTH" else []),
        *([IMPLANT] if word(dataset, "BreastImplantPresent") in ("YES", "Y") else []),
        *(remark for code in codes if (remark := _view_remark(code)) is not None),
    ]


def _view_remark(code: pydicom.Dataset) -> str | None:
    value = word(code, "CodeValue") or word(code, "LongCodeValue")
    return VIEWS.get(value) or MEANINGS.get(word(code, "CodeMeaning").lower())
