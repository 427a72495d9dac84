"""Mixed-supervision encoding: a label map as grey levels to train on, and the map M that a network answers with."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
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
        self.levels = tuple(float(level) for level in levels)
        if not self.levels or not all(0 <= level <= 1 for level in self.levels):
            raise ValueError(f"levels is {self.levels}; expected one target in [0, 1] for each label map value")

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


class EncodeMixedSupervisiond(MapTransform):
    """Dictionary form of `EncodeMixedSupervision`.

    Args:
        keys: the label maps.
        levels: as in `EncodeMixedSupervision`.
        allow_missing_keys: do nothing for an entry without a label map.
    """

    backend = EncodeMixedSupervision.backend

    def __init__(
        self,
        keys: KeysCollection,
        levels: Sequence[float] = MIXED_SUPERVISION_LEVELS,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.encode = EncodeMixedSupervision(levels)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its label maps encoded."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.encode(d[key])
        return d


class ToDiscriminativeMap(Transform):
    """Turn logits into the discriminative mask M of the paper (section II-A), a grey map in [0, 1].

    One channel: its sigmoid. As many channels as levels: the softmax over the classes, weighted by their levels.

    Args:
        levels: as in `EncodeMixedSupervision`; used with several channels.
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, levels: Sequence[float] = MIXED_SUPERVISION_LEVELS) -> None:
        self.levels = tuple(float(level) for level in levels)

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Return M, `(1, *spatial)`, float32.

        Args:
            logits: `(1, *spatial)` or `(len(levels), *spatial)`.

        Raises:
            ValueError: another number of channels.
        """
        logits = logits.float()
        channels = logits.shape[0]
        if channels == 1:
            return logits.sigmoid()
        if channels != len(self.levels):
            raise ValueError(f"the network answers with {channels} channels; expected 1 or {len(self.levels)}")
        levels = torch.tensor(self.levels, device=logits.device).reshape(-1, *[1] * (logits.ndim - 1))
        return (logits.softmax(dim=0) * levels).sum(dim=0, keepdim=True).clamp(max=1.0)  # rounding may exceed 1


class ToDiscriminativeMapd(MapTransform):
    """Dictionary form of `ToDiscriminativeMap`.

    Args:
        keys: the logits.
        levels: as in `ToDiscriminativeMap`.
        allow_missing_keys: do nothing for an entry without logits.
    """

    backend = ToDiscriminativeMap.backend

    def __init__(
        self,
        keys: KeysCollection,
        levels: Sequence[float] = MIXED_SUPERVISION_LEVELS,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.to_map = ToDiscriminativeMap(levels)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its logits replaced by M."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.to_map(d[key])
        return d
