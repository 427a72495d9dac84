"""Grey levels of any mammogram, of whatever bit depth, brought to [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.transforms.utils_pytorch_numpy_unification import percentile
from monai.utils import TransformBackends, convert_to_tensor
from torch import Tensor

from monai_rescunet.core.errors import InputError

__all__ = ["NormalizeTone", "NormalizeToned", "ScaleBreastIntensity", "ScaleBreastIntensityd"]

STRONGEST = 2.5
"""Largest exponent, and factor of contrast, that tone is changed by, and the smallest is one over it: more would make
noise of air."""


class ScaleBreastIntensity(Transform):
    """Scale the percentiles of the breast to 0 and 1 and clip.

    The darkest value, which is air blacked out or the padding of a region of interest, is left out of the percentiles,
    so that an ROI half in the air looks like one inside the breast. An image of one value becomes 0.

    Args:
        lower, upper: percentiles that become 0 and 1, in [0, 100].
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, lower: float = 1.0, upper: float = 99.0) -> None:
        if not 0 <= lower < upper <= 100:
            raise InputError(f"lower is {lower} and upper {upper}; expected 0 <= lower < upper <= 100")
        self.lower, self.upper = lower, upper

    def __call__(self, image: Tensor) -> Tensor:
        """Return the image in [0, 1], float32, of the shape of `image`, `(C, *spatial)`."""
        image = convert_to_tensor(image, dtype=torch.float32, track_meta=isinstance(image, MetaTensor))
        values = convert_to_tensor(image, track_meta=False)
        breast = values[values > values.min()]
        if breast.numel() == 0:
            return torch.zeros_like(image)
        low, high = percentile(breast, [self.lower, self.upper])
        # max(): when nearly all of the breast has one value, everything above it is bright
        return ((image - low) / max(high - low, torch.finfo(torch.float32).tiny)).clamp(0, 1)


class ScaleBreastIntensityd(MapTransform):
    """Dictionary form of `ScaleBreastIntensity`.

    Args:
        keys: the images.
        lower, upper: as in `ScaleBreastIntensity`.
        allow_missing_keys: do nothing for an entry without an image.
    """

    backend = ScaleBreastIntensity.backend

    def __init__(
        self, keys: KeysCollection, lower: float = 1.0, upper: float = 99.0, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.scale = ScaleBreastIntensity(lower, upper)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its images scaled."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.scale(d[key])
        return d


class NormalizeTone(Transform):
    """Bring a picture's median to one value, and its standard deviation, so that less of the scanner is in it.

    First the picture is raised to a power, by which a scanner's gamma is gone; then the differences from the median are
    multiplied, and cut off at 0 and 1. Values of 0 and 1, which scaling cut off or which are air, stay and do not
    count.

    Args:
        median: what the median becomes, between 0 and 1; 0 raises to no power.
        spread: what the standard deviation becomes then, but for what is cut off; 0 leaves it.

    Example:
        >>> import torch
        >>> picture = torch.linspace(0, 1, 101)[None]
        >>> [round(float(NormalizeTone(0.6)(picture**gamma).median()), 3) for gamma in (1, 1.5)]
        [0.6, 0.6]
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, median: float = 0.58, spread: float = 0.0) -> None:
        if not 0 <= median < 1:
            raise InputError(f"median is {median}; expected 0, which changes nothing, or more, and less than 1")
        if not 0 <= spread < 0.5:
            raise InputError(f"spread is {spread}; expected 0, which changes nothing, or more, and less than 0.5")
        self.median, self.spread = median, spread

    def __call__(self, image: Tensor) -> Tensor:
        """Return the image, in [0, 1] as `image` is, float32, of its shape."""
        image = convert_to_tensor(image, dtype=torch.float32, track_meta=isinstance(image, MetaTensor))
        values = convert_to_tensor(image, track_meta=False)
        told = (values > 0) & (values < 1)
        inside = values[told]
        if inside.numel() == 0:
            return image
        if self.median:
            power = _bounded(math.log(self.median) / math.log(float(inside.median())))
            image, inside = image**power, inside**power
        if self.spread:
            median, spread = float(inside.median()), float(inside.std(correction=0))
            stretched = (image - median) * _bounded(self.spread / max(spread, 1e-6)) + median
            image = torch.where(told, stretched.clamp(0, 1), image)
        return image


def _bounded(strength: float) -> float:
    """Return an exponent or a factor that is not too strong."""
    return min(max(strength, 1 / STRONGEST), STRONGEST)


class NormalizeToned(MapTransform):
    """Dictionary form of `NormalizeTone`.

    Args:
        keys: the images.
        median, spread: as in `NormalizeTone`.
        allow_missing_keys: do nothing for an entry without an image.
    """

    backend = NormalizeTone.backend

    def __init__(
        self, keys: KeysCollection, median: float = 0.58, spread: float = 0.0, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.normalize = NormalizeTone(median, spread)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with the tone of its images normalised."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.normalize(d[key])
        return d
