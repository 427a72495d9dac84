"""What a CAD report has of one mammogram: small enough to be kept until all views of a study are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from monai_rescunet.core.classes import NO_FINDING, NO_LESION
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.remarks import UNLIKE_TRAINING, remarks_of
from monai_rescunet.core.result_names import MOST_USUAL
from monai_rescunet.dicom.codes import DECISIONS
from monai_rescunet.dicom.segmentation import tracking_id
from monai_rescunet.dicom.source import read_source, size_of
from monai_rescunet.results.outline import centre_of, number_of, outline_of, polygon_of

__all__ = ["CadFinding", "CadImage", "cad_image"]


@dataclass(frozen=True)
class CadFinding:
    """A mass as a CAD report has it.

    Attributes:
        name: the tracking identifier, which the mass has in Segmentation and Structured Report too.
        centre: `(x, y)` in DICOM's image coordinates (PS3.3 C.18.6.1.2).
        outline: closed polygon, `(vertices, 2)`, in the same coordinates; None where there is none.
        certainty: the finder's, percent; None where a person said where to look.
        probability: of malignancy, percent; None where none is told.
    """

    name: str
    centre: tuple[float, float]
    outline: np.ndarray | None
    certainty: float | None
    probability: float | None


@dataclass(frozen=True)
class CadImage:
    """A mammogram, what was done with it and what was found.

    Attributes:
        header: its DICOM header.
        findings: the masses.
        words: what is said of each mass, also of one that could not be outlined where a person had pointed.
        detected: whether the finder looked at it with success, or failed; None where it was not asked to look.
        analysed: whether what was found was judged with success, or this failed; None where the network has no classes.
    """

    header: pydicom.Dataset
    findings: tuple[CadFinding, ...] = ()
    words: tuple[str, ...] = ()
    detected: bool | None = None
    analysed: bool | None = None

    @property
    def study(self) -> str:
        """Study Instance UID (0020,000D): images of one study go into one report."""
        return str(self.header.StudyInstanceUID)


def cad_image(source: str | Path, masses: Sequence[Mapping[str, Any]] | None) -> CadImage:
    """Return what a CAD report has of a mammogram.

    A mass is a finding where it was outlined, or where the finder proposed it (`found`), also if no outline came of it:
    its centre is then that of its box.

    Args:
        source: the mammogram, a DICOM file.
        masses: as `monai_rescunet.predict` returns them: `decision`, `mask` (`outline_of` says its forms), and where
            they have it `mass`, `box`, `found`, `score`, `probability` (each of these three 0 to 1), `unlike_training`.
            One that says `no finding`, or an empty list: the finder looked and found nothing. None: it failed.

    Raises:
        InputError: the source is no DICOM image, or a mask has another size.
    """
    header = read_source(source)
    header.remove_private_tags()
    if masses is None:
        return CadImage(header, detected=False, analysed=False)
    size = size_of(header)
    looked = not masses or any(
        number_of(each, "found") is not None or each["decision"] == NO_FINDING for each in masses
    )
    judged = [mass for mass in masses if mass["decision"] != NO_FINDING]
    findings = [finding for mass in judged if (finding := _finding(header, mass, size, source)) is not None]
    return CadImage(
        header,
        findings=tuple(findings),
        words=tuple(map(_in_words, judged or [mass for mass in masses if remarks_of(mass)])),
        detected=True if looked else None,
        analysed=None if any(not mass["decision"] for mass in judged) else True,
    )


def _finding(
    header: pydicom.Dataset, mass: Mapping[str, Any], size: tuple[int, int], source: str | Path
) -> CadFinding | None:
    outline, found = outline_of(mass, size, source), number_of(mass, "found")
    if outline is None and found is None:
        return None
    return CadFinding(
        name=tracking_id(header, mass),
        centre=_middle(mass, source) if outline is None else centre_of(outline),
        outline=None if outline is None else polygon_of(outline),
        certainty=_percent(mass, "found", source),
        probability=_percent(mass, "probability", source),
    )


def _middle(mass: Mapping[str, Any], source: str | Path) -> tuple[float, float]:
    """Return the middle of a mass's box, `x_min y_min x_max y_max`."""
    box = mass.get("box", "")
    try:
        x_min, y_min, x_max, y_max = (float(value) for value in (box.split() if isinstance(box, str) else box))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{source}: mass {mass.get('mass', 0)} was found, has no outline, and its box is {box!r}; "
            "expected x_min y_min x_max y_max"
        ) from error
    return (x_min + x_max) / 2, (y_min + y_max) / 2


def _percent(mass: Mapping[str, Any], name: str, source: str | Path) -> float | None:
    value = number_of(mass, name)
    if value is None:
        return None
    if not 0 <= value <= 1:
        raise InputError(f"{source}: {name} of mass {mass.get('mass', 0)} is {value:g}; expected 0 to 1")
    return round(100 * value, 2)


def _in_words(mass: Mapping[str, Any]) -> str:
    decision, score, unlike = mass["decision"], number_of(mass, "score"), number_of(mass, "unlike_training")
    remarks = [remark for remark in remarks_of(mass) if remark != UNLIKE_TRAINING]  # which is told by its number
    if decision == NO_FINDING:
        return ", ".join([decision, *remarks])
    parts = ["no outline could be drawn" if decision == NO_LESION else f"looks {decision}" if decision else "outlined"]
    if decision in DECISIONS and score is not None:
        parts.append(f"score {score:.2f} (0 benign to 1 malignant, no probability)")
    if unlike is not None and unlike > MOST_USUAL:
        parts.append(f"unlike the masses it was trained on: more unusual than {unlike:.1%} of them")
    return f"mass {mass.get('mass', 0)}, {', '.join([*parts, *remarks])}"
