"""From a network's score to the probability that a mass is malignant."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import digest, write_atomically

__all__ = ["Calibration", "calibration_path", "fit_calibration", "load_calibration", "save_calibration"]

logger = logging.getLogger(__name__)

SMALLEST = 1 / 512  # scores are grey levels over 255; 0 and 1 have no logit


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: probability = sigmoid(slope * logit(score) + intercept).

    Attributes:
        slope, intercept: of the line in logits.
        masses: number of masses it was fitted on.
        weights: SHA-256 of the weights that it belongs to.
        settings: what else the scores depend on: the region of interest, flips.
    """

    slope: float
    intercept: float
    masses: int
    weights: str
    settings: dict[str, Any]

    def __call__(self, score: float) -> float:
        """Return the probability of malignancy, in (0, 1), of a score in [0, 1]."""
        return float(expit(self.slope * logit(np.clip(score, SMALLEST, 1 - SMALLEST)) + self.intercept))


def fit_calibration(
    scores: Sequence[float], malignant: Sequence[bool], checkpoint: str | Path, settings: Mapping[str, Any]
) -> Calibration:
    """Fit the scores of masses that the networks giving them have not seen.

    Args:
        scores: in [0, 1].
        malignant: the truth, one for each score.
        checkpoint: the weights that the calibration is for.
        settings: those that the scores were made with.

    Raises:
        InputError: the masses are not of both classes.
    """
    if len(set(map(bool, malignant))) < 2:
        raise InputError("the masses are all of one class; a calibration needs both")
    logits = logit(np.clip(np.asarray(scores, dtype=float), SMALLEST, 1 - SMALLEST))
    line = LogisticRegression(C=np.inf).fit(logits[:, None], np.asarray(malignant))
    return Calibration(
        slope=float(line.coef_[0, 0]),
        intercept=float(line.intercept_[0]),
        masses=len(logits),
        weights=digest(Path(checkpoint)),
        settings=dict(settings),
    )


def calibration_path(checkpoint: str | Path) -> Path:
    """Return where the calibration of some weights lies: `<stem>_calibration.json` beside them."""
    path = Path(checkpoint)
    return path.with_name(f"{path.stem}_calibration.json")


def save_calibration(calibration: Calibration, checkpoint: str | Path) -> Path:
    """Write a calibration beside its weights and return its path."""
    path = calibration_path(checkpoint)
    write_atomically(path, json.dumps(asdict(calibration), indent=1) + "\n")
    return path


def load_calibration(checkpoint: str | Path, settings: Mapping[str, Any]) -> Calibration | None:
    """Return the calibration that lies beside some weights; None, so that no probability is told, if there is none.

    One that was fitted for other weights, or for scores of other settings, is passed over with a warning.

    Args:
        checkpoint: the weights.
        settings: those that scores are made with.

    Raises:
        InputError: the file is malformed.
    """
    path = calibration_path(checkpoint)
    if not path.is_file():
        return None
    try:
        calibration = Calibration(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: is no calibration ({error}); fit it again, or delete it") from error
    if calibration.weights != digest(Path(checkpoint)):
        logger.warning("%s belongs to other weights than %s: no probability is told", path, checkpoint)
        return None
    if calibration.settings != settings:
        differing = {
            name: (calibration.settings.get(name), settings.get(name))
            for name in {**calibration.settings, **settings}
            if calibration.settings.get(name) != settings.get(name)
        }
        changes = "; ".join(f"{name} is {now}, there {then}" for name, (then, now) in differing.items())
        logger.warning("%s is for scores of other settings (%s): no probability is told", path, changes)
        return None
    return calibration
