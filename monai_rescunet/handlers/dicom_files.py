"""The DICOM results of one image, for a handler that goes on where one cannot be made."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance

__all__ = ["dicom_contents", "dicom_kinds"]

logger = logging.getLogger(__name__)


def dicom_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of DICOM results, checked before hours of inference.

    Raises:
        InputError: there is no such kind, or highdicom is not installed.
    """
    if not kinds:
        return ()
    try:
        from monai_rescunet.dicom import check_kinds
    except ImportError as error:
        raise InputError(str(error)) from error
    return check_kinds(kinds)


def dicom_contents(
    path: str,
    masses: Sequence[Mapping[str, Any]],
    kinds: Sequence[str],
    provenance: Provenance | None,
    picture: Image.Image | None,
) -> dict[str, bytes]:
    """Return by kind the contents of those DICOM results that can be made; the others are warned of."""
    from monai_rescunet.dicom import attempt_dicom_results

    contents, faults = attempt_dicom_results(path, masses, kinds, provenance=provenance, picture=picture)
    for kind, fault in faults.items():
        logger.warning("no %s: %s", kind, fault)
    return contents
