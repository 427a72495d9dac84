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

__all__ = [
    "Calibration",
    "calibration_path",
    "fit_calibration",
    "load_calibration",
    "require_replaceable",
    "save_calibration",
    "write_calibration",
]

logger = logging.getLogger(__name__)

SMALLEST = 1 / 512  # scores are grey levels over 255; 0 and 1 have no logit


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: probability = sigmoid(slope * logit(score) + intercept); and the Otsu levels of a site.

    Attributes:
        slope, intercept: of the line in logits; the slope is above 0.
        masses: number of masses it was fitted on.
        weights: SHA-256 of the weights that it belongs to.
        settings: what else the scores depend on: the region of interest, flips.
        levels: grey levels of benign and malignant masses that take the place of `otsu_levels`; None leaves those.
    """

    slope: float
    intercept: float
    masses: int
    weights: str
    settings: dict[str, Any]
    levels: tuple[int, int] | None = None

    def __call__(self, score: float) -> float:
        """Return the probability of malignancy, in (0, 1), of a score in [0, 1]."""
        return float(expit(self.slope * logit(np.clip(score, SMALLEST, 1 - SMALLEST)) + self.intercept))


def fit_calibration(
    scores: Sequence[float],
    malignant: Sequence[bool],
    checkpoint: str | Path,
    settings: Mapping[str, Any],
    groups: Sequence[str] | None = None,
    levels: tuple[int, int] | None = None,
) -> Calibration:
    """Fit the scores of masses that the networks giving them have not seen.

    The targets are Platt's (Advances in Large Margin Classifiers, 1999): not 1 and 0 but (n + 1) / (n + 2) of the n
    malignant masses and 1 / (n + 2) of the n benign ones, so that few masses, or masses that a score tells apart
    without a fault, give no certainty.

    Args:
        scores: in [0, 1].
        malignant: the truth, one for each score.
        checkpoint: the weights that the calibration is for.
        settings: those that the scores were made with.
        groups: the collection of each mass; then collections count alike, and in each of them both classes, and the
            probability is that where half of the masses are malignant. None: every mass counts once, and it is that
            where as large a share of them is malignant as here.
        levels: to keep beside it.

    Raises:
        InputError: the masses are not of both classes, or malignant ones do not score higher than benign ones.
    """
    truth = np.asarray(malignant, dtype=bool)
    if len(set(truth.tolist())) < 2:
        raise InputError("the masses are all of one class; a calibration needs both")
    logits = logit(np.clip(np.asarray(scores, dtype=float), SMALLEST, 1 - SMALLEST))
    target = np.where(truth, (truth.sum() + 1) / (truth.sum() + 2), 1 / ((~truth).sum() + 2))
    weight = np.ones(len(truth)) if groups is None else _alike(truth, np.asarray(groups))
    line = LogisticRegression(C=np.inf).fit(
        np.tile(logits, 2)[:, None],
        np.repeat([True, False], len(truth)),
        np.concatenate([weight * target, weight * (1 - target)]),
    )
    slope = float(line.coef_[0, 0])
    if slope <= 0:
        raise InputError(
            f"malignant masses do not score higher than benign ones here (slope {slope:.2f} over {len(truth)} masses): "
            "no probability can be told from such scores; see whether the classes are mixed up, or take more masses"
        )
    return Calibration(
        slope=slope,
        intercept=float(line.intercept_[0]),
        masses=len(logits),
        weights=digest(Path(checkpoint)),
        settings=dict(settings),
        levels=levels,
    )


def _alike(truth: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return weights with which each class of each group counts alike."""
    weight = np.zeros(len(truth))
    for group in np.unique(groups):
        for side in (truth, ~truth):
            own = (groups == group) & side
            weight[own] = len(truth) / max(own.sum(), 1)
    return weight / weight.mean()


def calibration_path(checkpoint: str | Path) -> Path:
    """Return where the calibration of some weights lies: `<stem>_calibration.json` beside them."""
    path = Path(checkpoint)
    return path.with_name(f"{path.stem}_calibration.json")


def save_calibration(calibration: Calibration, checkpoint: str | Path) -> Path:
    """Write a calibration beside its weights and return its path."""
    return write_calibration(calibration, calibration_path(checkpoint))


def write_calibration(calibration: Calibration, path: str | Path) -> Path:
    """Write a calibration to a file and return its path."""
    told = {name: value for name, value in asdict(calibration).items() if value is not None}
    write_atomically(Path(path), json.dumps(told, indent=1) + "\n")
    return Path(path)


def require_replaceable(path: str | Path) -> None:
    """Refuse to write a calibration over what is none.

    Raises:
        InputError: another file, or a folder, lies there.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the file to write in it")
    if path.exists():
        try:
            _read(path)
        except InputError:
            raise InputError(
                f"{path}: is there already, is no calibration and is not written over; name another file, or remove it"
            ) from None


def load_calibration(
    checkpoint: str | Path,
    settings: Mapping[str, Any],
    site: str | Path | None = None,
    decided: Mapping[str, Any] | None = None,
) -> Calibration | None:
    """Return the calibration that lies beside some weights; None, so that no probability is told, if there is none.

    One that was fitted for other weights, or for scores of other settings, is passed over with a warning.

    Args:
        checkpoint: the weights.
        settings: those that scores are made with.
        site: the file of a site, which `monai-rescunet calibrate` wrote, to take instead; it is asked for by name, so
            what does not suit it is an error.
        decided: settings that the levels of a site depend on beside those of a score.

    Raises:
        InputError: the file is malformed; that of a site is missing, or is for other weights or settings.
    """
    if site is not None:
        path, expected = Path(site), {**settings, **(decided or {})}
        if not path.is_file():
            raise InputError(f"{path}: there is no such file; expected one that `monai-rescunet calibrate` wrote")
        calibration = _read(path)
        if calibration.levels is None:
            raise InputError(f"{path}: has no levels; expected a file that `monai-rescunet calibrate` wrote")
        unfit = _unfit(calibration, checkpoint, expected)
        if unfit:
            raise InputError(f"{path} {unfit}; fit it again with `monai-rescunet calibrate`, or leave it out")
        return calibration
    path = calibration_path(checkpoint)
    if not path.is_file():
        return None
    calibration = _read(path)
    unfit = _unfit(calibration, checkpoint, settings)
    if unfit:
        logger.warning("%s %s: no probability is told", path, unfit)
        return None
    return calibration


def _read(path: Path) -> Calibration:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("levels") is not None:
            benign, malignant = (int(level) for level in content["levels"])
            content["levels"] = (benign, malignant)
        calibration = Calibration(**content)
        if not calibration.slope > 0:
            raise ValueError(f"its slope is {calibration.slope}")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: is no calibration ({error}); expected a file that `monai-rescunet calibrate` wrote"
        ) from error
    return calibration


def _unfit(calibration: Calibration, checkpoint: str | Path, settings: Mapping[str, Any]) -> str:
    """Return why a calibration cannot be used, or nothing."""
    if calibration.weights != digest(Path(checkpoint)):
        return f"belongs to other weights than {checkpoint}"
    changes = "; ".join(
        f"{name} is {settings.get(name)}, there {calibration.settings.get(name)}"
        for name in {**calibration.settings, **settings}
        if calibration.settings.get(name) != settings.get(name)
    )
    return f"is for scores of other settings ({changes})" if changes else ""
