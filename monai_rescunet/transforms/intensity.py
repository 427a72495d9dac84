"""Grey levels of any mammogram, of whatever bit depth, brought to [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, cast

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.transforms.utils_pytorch_numpy_unification import percentile
from monai.utils import TransformBackends, convert_to_tensor
from torch import Tensor

from monai_rescunet.core.errors import InputError

__all__ = ["NormalizeTone", "NormalizeToned", "ScaleBreastIntensity", "ScaleBreastIntensityd"]

TAIL = 20.0
"""Percentile, and 100 minus it, that tell a picture's contrast, and the largest share of it in percent that may be cut
off."""

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
    """Bring a picture's median to one value, and its contrast, so that less of the scanner is in it.

    First the picture is raised to a power, by which a scanner's gamma is gone; then the differences from the median are
    multiplied, and cut off at 0 and 1. Median and contrast, the distance between the percentiles 20 and 80, hang on the
    order of the grey levels alone, so that a scanner may cut off what is darkest and brightest. Where more than a fifth
    of the picture is 0, as air is, or 1, burnt out, these two values stay and do not count.

    Args:
        median: what the median becomes, between 0 and 1; 0 raises to no power.
        contrast: what the distance between the percentiles becomes then; 0 leaves it.

    Example:
        >>> import torch
        >>> picture = torch.linspace(0, 1, 101)[None]
        >>> [round(float(NormalizeTone(0.6)(picture**gamma).median()), 3) for gamma in (1, 1.5)]
        [0.6, 0.6]
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, median: float = 0.58, contrast: float = 0.0) -> None:
        if not 0 <= median < 1:
            raise InputError(f"median is {median}; expected 0, which changes nothing, or more, and less than 1")
        if not 0 <= contrast < 1:
            raise InputError(f"contrast is {contrast}; expected 0, which changes nothing, or more, and less than 1")
        self.median, self.contrast = median, contrast

    def __call__(self, image: Tensor) -> Tensor:
        """Return the image, in [0, 1] as `image` is, float32, of its shape."""
        image = convert_to_tensor(image, dtype=torch.float32, track_meta=isinstance(image, MetaTensor))
        told = _told(convert_to_tensor(image, track_meta=False))
        if not told.any():
            return image
        if self.median:
            _, median, _ = _percentiles(image, told)
            image = image ** _bounded(math.log(self.median) / math.log(median))
        if self.contrast:
            dark, median, bright = _percentiles(image, told)
            stretched = (image - median) * _bounded(self.contrast / max(bright - dark, 1e-6)) + median
            image = torch.where(told, stretched.clamp(0, 1), image)
        return image


def _told(values: Tensor) -> Tensor:
    """Return which values count: all of them, or those between 0 and 1 where too many are 0 or 1."""
    black, white = values <= 0, values >= 1
    if 100 * max(black.float().mean(), white.float().mean()) > TAIL:
        return ~(black | white)
    return torch.ones_like(black)


def _percentiles(image: Tensor, told: Tensor) -> list[float]:
    """Return the lower percentile of what counts, the median and the upper percentile."""
    return cast("list[float]", percentile(image[told], [TAIL, 50, 100 - TAIL]).tolist())


def _bounded(strength: float) -> float:
    """Return an exponent or a factor that is not too strong."""
    return min(max(strength, 1 / STRONGEST), STRONGEST)


class NormalizeToned(MapTransform):
    """Dictionary form of `NormalizeTone`.

    Args:
        keys: the images.
        median, contrast: as in `NormalizeTone`.
        allow_missing_keys: do nothing for an entry without an image.
    """

    backend = NormalizeTone.backend

    def __init__(
        self, keys: KeysCollection, median: float = 0.58, contrast: float = 0.0, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.normalize = NormalizeTone(median, contrast)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with the tone of its images normalised."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.normalize(d[key])
        return d
