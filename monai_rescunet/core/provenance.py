"""What a result was made by: the program, the bundle and the weights, so that retrained weights sign as themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from monai_rescunet import __version__
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import digest

__all__ = ["Provenance", "read_provenance"]

DIGITS = 12  # of the SHA-256: told apart, and short enough for DICOM's 64 characters of a version


@dataclass(frozen=True)
class Provenance:
    """Versions of what made a result.

    Attributes:
        bundle: version of the bundle, as its `metadata.json` has it; empty where nobody said.
        weights: the first twelve hexadecimal digits of the weights' SHA-256; empty where nobody said.
    """

    bundle: str = ""
    weights: str = ""

    @property
    def version(self) -> str:
        """The version as one text, at most 64 characters, which is what DICOM takes."""
        parts = [f"bundle {self.bundle[:16]}"] if self.bundle else []
        parts += [f"weights {self.weights}"] if self.weights else []
        room = 64 - len(", ".join(["", *parts]))
        return ", ".join([__version__[:room], *parts])


def read_provenance(checkpoint: str | Path, bundle: str | Path, missing_ok: bool = False) -> Provenance:
    """Return what results of these weights are to be signed with.

    Args:
        checkpoint: the file of the weights.
        bundle: the bundle's folder, whose `configs/metadata.json` has its version.
        missing_ok: the weights may be missing, as the finder's may where it never looks; nothing is said of them then.

    Raises:
        InputError: there are no such weights where they have to be, or the metadata cannot be read.
    """
    checkpoint, metadata = Path(checkpoint), Path(bundle) / "configs" / "metadata.json"
    try:
        weights = "" if missing_ok and not checkpoint.exists() else digest(checkpoint)[:DIGITS]
    except OSError as error:
        raise InputError(
            f"{checkpoint}: the weights cannot be read ({error.strerror}); expected a file that training wrote"
        ) from error
    try:
        version = json.loads(metadata.read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{metadata}: has no version that results can be signed with ({error}); expected the bundle's metadata"
        ) from error
    return Provenance(bundle=str(version), weights=weights)
