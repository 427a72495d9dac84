"""How unlike the masses that a network was trained on a picture is: whether its answer is a guess."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import ArrayLike
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import digest, write_atomically
from monai_rescunet.networks.feature_tap import FeatureTap

__all__ = [
    "Described",
    "Scale",
    "UnlikeTrainingd",
    "Unlikeness",
    "fit_scale",
    "fit_unlikeness",
    "load_unlikeness",
    "save_unlikeness",
    "unlikeness_path",
]

logger = logging.getLogger(__name__)

COMPONENTS = 64
POINTS = 401
SMALLEST_SCALE = 0.01
QUANTILE = 99.0
FEWEST = 50


class Described(NamedTuple):
    """What `FeatureTap` says of pictures by one network, `(pictures, features)` each.

    Attributes:
        trained: of masses that it was trained on.
        odd: of pictures that look like masses and are none, phantoms and inverted masses.
        unseen: of masses that it was not trained on.
    """

    trained: np.ndarray
    odd: np.ndarray
    unseen: np.ndarray


class Scale(NamedTuple):
    """What the two distances of `Unlikeness` are measured by: masses that networks have not seen.

    Attributes:
        ends: median and 99th percentile of each of the two distances, `(2, 2)`.
        quantiles: of the larger one, 0 at its median and 1 at its 99th percentile, ascending, evenly spaced.
    """

    ends: np.ndarray
    quantiles: np.ndarray


@dataclass(frozen=True)
class Unlikeness:
    """How far a picture's description lies from those of the masses that it was fitted on.

    Two distances, and the larger one counts: Mahalanobis's in `COMPONENTS` principal components of the features, with
    what lies outside these over its mean; and how far the picture lies along the direction that tells masses from
    pictures that look like them and are none, which a linear discriminant finds. Each is 0 at the median of masses that
    its network has not seen, and 1 at their 99th percentile.

    Attributes:
        mean, scale: of each feature, `(features,)`.
        axes: principal components of the scaled features, `(components, features)`.
        variances: of the components, and the mean square of what they leave, `(components + 1,)`.
        direction: the discriminant, `(features,)`.
        ends, quantiles: as in `Scale`.
        weights: SHA-256 of the weights.
        settings: what the picture depends on beside them, as text.
    """

    mean: np.ndarray
    scale: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    direction: np.ndarray
    ends: np.ndarray
    quantiles: np.ndarray
    weights: str
    settings: str

    def __call__(self, features: ArrayLike) -> np.ndarray:
        """Return which share of masses was less unusual, in [0, 1], `(pictures,)`.

        Args:
            features: as `FeatureTap.take` gives them, `(pictures, features)`.
        """
        return _shares(_distances(np.asarray(features, dtype=float), self), Scale(self.ends, self.quantiles))


def _distances(features: np.ndarray, fitted: Unlikeness) -> np.ndarray:
    """Return the two distances, `(pictures, 2)`."""
    scaled = (features - fitted.mean) / fitted.scale
    parts = scaled @ fitted.axes.T
    left = ((scaled - parts @ fitted.axes) ** 2).sum(axis=1) / fitted.variances[-1]
    return np.stack([(parts**2 / fitted.variances[:-1]).mean(axis=1) + left, scaled @ fitted.direction], axis=1)


def _farthest(distances: np.ndarray, ends: np.ndarray) -> np.ndarray:
    return ((distances - ends[0]) / (ends[1] - ends[0])).max(axis=1)


def _shares(distances: np.ndarray, scale: Scale) -> np.ndarray:
    """Return which share of the scale's masses was less unusual, `(pictures,)`."""
    far = _farthest(distances, scale.ends)
    share = np.searchsorted(scale.quantiles, far, side="right") / len(scale.quantiles)
    return np.asarray(np.where(np.isfinite(far), share, 1.0))


def _fit(described: Described, weights: str = "", settings: str = "") -> Unlikeness:
    """Return a measure without its scale."""
    trained, odd = (np.asarray(each, dtype=float) for each in (described.trained, described.odd))
    if min(len(trained), len(odd)) < FEWEST:
        raise InputError(
            f"{len(trained)} masses and {len(odd)} pictures of other things; to say what is unusual takes {FEWEST} each"
        )
    mean, scale = trained.mean(axis=0), trained.std(axis=0)
    scale = scale + SMALLEST_SCALE * scale.max() + 1e-6  # a feature that hardly varies says little
    scaled = (trained - mean) / scale
    _, values, axes = np.linalg.svd(scaled, full_matrices=False)
    kept = min(COMPONENTS, len(axes) - 1)
    left = max((values[kept:] ** 2).sum() / len(scaled), 1e-6)
    variances = np.append(values[:kept] ** 2 / len(scaled) + 1e-9, left)
    discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    discriminant.fit(np.concatenate([scaled, (odd - mean) / scale]), np.repeat([0, 1], [len(trained), len(odd)]))
    direction = discriminant.coef_[0] / np.linalg.norm(discriminant.coef_[0])
    mean, scale, axes = (each.astype(np.float16).astype(float) for each in (mean, scale, axes[:kept]))  # as it is kept
    return Unlikeness(mean, scale, axes, variances, direction, np.zeros((2, 2)), np.zeros(0), weights, settings)


def fit_scale(folds: Iterable[Described]) -> tuple[Scale, np.ndarray]:
    """Return the scale of masses that networks have not seen, and their own shares on it, fold after fold.

    A network knows the masses that it was trained on, and features of others lie farther away. So each mass counts by
    its distance from those that its network has seen.

    Args:
        folds: by networks of the same making as the weights, or by the weights themselves.

    Raises:
        InputError: there are fewer than 50 masses not seen, or of a fold masses seen or pictures of other things.
    """
    judged = (_distances(np.asarray(fold.unseen, dtype=float), _fit(fold)) for fold in folds if len(fold.unseen))
    apart = np.concatenate([np.empty((0, 2)), *judged])
    if len(apart) < FEWEST:
        raise InputError(f"{len(apart)} masses that the network has not seen; to say what is unusual takes {FEWEST}")
    ends = np.percentile(apart, [50, QUANTILE], axis=0)
    ends[1] = np.maximum(ends[1], ends[0] + 1e-3)
    scale = Scale(ends, np.quantile(_farthest(apart, ends), np.linspace(0, 1, POINTS)))
    return scale, _shares(apart, scale)


def fit_unlikeness(
    described: Described, scale: Scale, checkpoint: str | Path, settings: Mapping[str, Any]
) -> Unlikeness:
    """Fit the measure on the masses that some weights were trained on.

    Args:
        described: by the weights; `unseen` does not count.
        scale: what `fit_scale` returns first.
        checkpoint: the weights.
        settings: what the pictures depend on beside them.

    Raises:
        InputError: there are fewer than 50 masses seen, or pictures of other things.
    """
    return replace(_fit(described, digest(Path(checkpoint)), _told(settings)), **scale._asdict())


def unlikeness_path(checkpoint: str | Path) -> Path:
    """Return where the measure of some weights lies: `<stem>_unlike.npz` beside them."""
    path = Path(checkpoint)
    return path.with_name(f"{path.stem}_unlike.npz")


def save_unlikeness(fitted: Unlikeness, checkpoint: str | Path) -> Path:
    """Write a measure beside its weights and return its path."""
    arrays = {name: getattr(fitted, name) for name in _ARRAYS}
    small = {name: value.astype(np.float16 if name in _HALVES else np.float32) for name, value in arrays.items()}
    content = BytesIO()
    np.savez_compressed(content, weights=np.array(fitted.weights), settings=np.array(fitted.settings), **small)
    write_atomically(unlikeness_path(checkpoint), content.getvalue())
    return unlikeness_path(checkpoint)


_HALVES = ("mean", "scale", "axes")
_ARRAYS = (*_HALVES, "variances", "direction", "ends", "quantiles")


def load_unlikeness(checkpoint: str | Path, settings: Mapping[str, Any]) -> Unlikeness | None:
    """Return the measure that lies beside some weights; None, so that nothing is said, if there is none.

    One of other weights, or of pictures of other settings, is passed over with a warning.

    Args:
        checkpoint: the weights.
        settings: what pictures depend on beside them.

    Raises:
        InputError: the file is malformed.
    """
    path = unlikeness_path(checkpoint)
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name].astype(float) for name in _ARRAYS}
            fitted = Unlikeness(**arrays, weights=str(content["weights"]), settings=str(content["settings"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is no measure of what is unusual ({error}); fit it anew, or delete it") from error
    if fitted.weights != digest(Path(checkpoint)):
        logger.warning("%s belongs to other weights than %s: nothing is said of unusual pictures", path, checkpoint)
        return None
    there, here = set(fitted.settings.split("; ")), set(_told(settings).split("; "))
    if there != here:
        changes = f"{', '.join(sorted(there - here))}; here {', '.join(sorted(here - there))}"
        logger.warning("%s is for pictures of other settings (%s): nothing is said of unusual pictures", path, changes)
        return None
    return fitted


def _told(settings: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}={settings[name]}" for name in sorted(settings))


class UnlikeTrainingd(MapTransform):
    """Add `unlike_training` to a network's output: which share of masses was less unusual, in [0, 1].

    It goes among the postprocessing of an evaluator, which takes the pictures of a batch one by one in their order.

    Args:
        keys: the network's output, which stays as it is.
        tap: on the network; None, as the measure too, leaves everything as it is.
        unlikeness: the measure.
        result_key: where the share goes.
    """

    def __init__(
        self,
        keys: KeysCollection,
        tap: FeatureTap | None,
        unlikeness: Unlikeness | None,
        result_key: str = "unlike_training",
    ) -> None:
        super().__init__(keys)
        self.tap, self.unlikeness, self.result_key = tap, unlikeness, result_key
        self._waiting: list[float] = []

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the output with the share, a float."""
        d = dict(data)
        if self.tap is not None and self.unlikeness is not None:
            if not self._waiting:
                self._waiting = self.unlikeness(self.tap.take()).tolist()
            d[self.result_key] = self._waiting.pop(0)
        return d
