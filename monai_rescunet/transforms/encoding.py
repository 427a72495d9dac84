"""Mixed-supervision encoding: a label map as grey levels to train on, and the map M that a network answers with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor

from monai_rescunet.core.errors import InputError

__all__ = [
    "MIXED_SUPERVISION_LEVELS",
    "EncodeMixedSupervision",
    "EncodeMixedSupervisiond",
    "ToDiscriminativeMap",
    "ToDiscriminativeMapd",
]

MIXED_SUPERVISION_LEVELS = (0.0, 0.5, 1.0)
"""Targets of background, benign mass and malignant mass (paper, section II-A: black, gray and white)."""


def _checked(levels: Sequence[float]) -> tuple[float, ...]:
    """Return levels as floats, refusing those that no sigmoid reaches."""
    checked = tuple(float(level) for level in levels)
    if not checked or not all(0 <= level <= 1 for level in checked):
        raise InputError(f"levels is {checked}; expected one target in [0, 1] for each label map value")
    return checked


class _LevelsTransformd(MapTransform):
    """Apply a transform that knows the levels to each key.

    Args:
        keys: what the transform is applied to.
        levels: as in `EncodeMixedSupervision`.
        allow_missing_keys: do nothing for an entry without the key.
    """

    backend = [TransformBackends.TORCH]
    transform: Callable[[Sequence[float]], Callable[[Any], Any]]

    def __init__(
        self,
        keys: KeysCollection,
        levels: Sequence[float] = MIXED_SUPERVISION_LEVELS,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.apply = type(self).transform(levels)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with each key transformed."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.apply(d[key])
        return d


class EncodeMixedSupervision(Transform):
    """Turn a label map into the soft target that carries both labels (paper, section II-A).

    Args:
        levels: target of each label map value, in [0, 1]: background, benign, malignant. `(0, 1, 1)` is the paper's
            binary supervision, which knows masses but not their class.

    Example:
        >>> import torch
        >>> EncodeMixedSupervision()(torch.tensor([[0, 1, 2]]))
        tensor([[0.0000, 0.5000, 1.0000]])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, levels: Sequence[float] = MIXED_SUPERVISION_LEVELS) -> None:
        self.levels = _checked(levels)

    def __call__(self, label: NdarrayOrTensor) -> torch.Tensor:
        """Return the target, float32, of the shape of `label`.

        Args:
            label: label map of whole numbers from 0, `(1, *spatial)`.

        Raises:
            InputError: the label map holds a value that has no level.
        """
        label = convert_to_tensor(label, track_meta=isinstance(label, MetaTensor))
        known = torch.arange(len(self.levels), device=label.device)
        unknown = label[~torch.isin(label, known)].unique()
        if len(unknown):
            raise InputError(
                f"the label map holds {unknown.tolist()[:6]}; expected only {known.tolist()}: "
                "convert masks with ToLabelMap first"
            )
        levels = torch.tensor(self.levels, dtype=torch.float32, device=label.device)
        target = levels[convert_to_tensor(label, track_meta=False).long()]
        return MetaTensor(target).copy_meta_from(label) if isinstance(label, MetaTensor) else target


class EncodeMixedSupervisiond(_LevelsTransformd):
    """Dictionary form of `EncodeMixedSupervision`: its label maps become targets."""

    transform = EncodeMixedSupervision


class ToDiscriminativeMap(Transform):
    """Turn logits into the discriminative mask M of the paper (section II-A), a grey map in [0, 1].

    One channel: its sigmoid. As many channels as levels: the softmax over the classes, weighted by their levels.

    Args:
        levels: as in `EncodeMixedSupervision`; used with several channels.
        spatial_dims: 2 or 3: whether four dimensions are a batch of images or one volume. None takes the one reading
            that the number of channels allows, and refuses where both are possible.

    Raises:
        ValueError: there are no levels, one is outside [0, 1], or `spatial_dims` is neither 2 nor 3 nor None.

    Example:
        >>> import torch
        >>> ToDiscriminativeMap(spatial_dims=2)(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 1, 8, 8])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, levels: Sequence[float] = MIXED_SUPERVISION_LEVELS, spatial_dims: int | None = None) -> None:
        if spatial_dims not in (None, 2, 3):
            raise ValueError(f"spatial_dims is {spatial_dims}; expected 2, 3 or None")
        self.levels, self.spatial_dims = _checked(levels), spatial_dims

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Return M, float32, `(1, *spatial)`, of a batch `(B, 1, *spatial)`.

        Args:
            logits: of one image or volume, `(1, *spatial)` or `(len(levels), *spatial)`, or of a batch of them.

        Raises:
            ValueError: another number of channels or of dimensions, or one that can be read in two ways.
        """
        return self.of_channels(logits, self._channel_dim(logits.shape))

    def of_channels(self, logits: torch.Tensor, dim: int) -> torch.Tensor:
        """Return M, with one channel in the dimension `dim`, which holds the logits' channels.

        Raises:
            ValueError: another number of channels.
        """
        logits = logits.float()
        channels = logits.shape[dim]
        if channels == 1:
            return logits.sigmoid()
        if channels != len(self.levels):
            raise ValueError(f"the network answers with {channels} channels; expected 1 or {len(self.levels)}")
        levels = torch.tensor(self.levels, device=logits.device).reshape(-1, *[1] * (logits.ndim - 1 - dim))
        return (logits.softmax(dim=dim) * levels).sum(dim=dim, keepdim=True).clamp(max=1.0)  # rounding may exceed 1

    def _channel_dim(self, shape: torch.Size) -> int:
        dims = (2, 3) if self.spatial_dims is None else (self.spatial_dims,)
        readings = [len(shape) - n - 1 for n in dims if len(shape) - n - 1 in (0, 1)]
        if not readings:
            raise ValueError(f"the logits' shape is {tuple(shape)}; expected (C, *spatial) or (B, C, *spatial)")
        if len(readings) == 1:
            return readings[0]
        possible = [dim for dim in readings if shape[dim] in (1, len(self.levels))]
        if len(possible) == 2 and (shape[0], shape[1]) != (1, 1):  # one channel of one map is the same both ways
            raise ValueError(
                f"the logits' shape is {tuple(shape)}, a batch of images or a volume; say which by spatial_dims"
            )
        return possible[0] if possible else readings[0]


def _of_sample(levels: Sequence[float]) -> Callable[[torch.Tensor], torch.Tensor]:
    return partial(ToDiscriminativeMap(levels).of_channels, dim=0)


class ToDiscriminativeMapd(_LevelsTransformd):
    """Dictionary form of `ToDiscriminativeMap` for one sample, whose first dimension holds the channels."""

    transform = staticmethod(_of_sample)
