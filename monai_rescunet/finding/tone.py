"""Augmentation of tone and sharpness inside the breast, which leaves the black round it black."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import TransformBackends, convert_to_tensor
from torch import Tensor
from torch.nn import functional as F

__all__ = ["RandBreastToned"]


class RandBreastToned(RandomizableTransform, MapTransform):
    """Change gamma, contrast about the breast's mean, brightness, sharpness and noise, each with a probability.

    Args:
        keys: frames of `BreastFramed`, `(1, columns, rows)` in [0, 1], 0 outside the breast.
        prob: of each change.
        gamma: range of the exponent, drawn evenly in its logarithm.
        contrast: range of the factor of the distance to the mean.
        brightness: most that is added or taken away.
        blur: largest standard deviation of a Gaussian, pixels; as often the picture is sharpened by what it takes away.
        noise: largest standard deviation.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.6,
        gamma: Sequence[float] = (0.6, 1.6),
        contrast: Sequence[float] = (0.7, 1.4),
        brightness: float = 0.1,
        blur: float = 1.2,
        noise: float = 0.05,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)
        self.gamma, self.contrast, self.brightness, self.blur, self.noise = gamma, contrast, brightness, blur, noise

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the entry with its frames changed."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self._changed(convert_to_tensor(d[key], track_meta=False))
        return d

    def _happens(self) -> bool:
        return bool(self.R.random() < self.prob)

    def _changed(self, image: Tensor) -> Tensor:
        breast = image > 0
        if not breast.any():
            return image
        if self._happens():
            low, high = torch.log(torch.tensor(self.gamma)).tolist()
            image = image ** float(torch.exp(torch.tensor(self.R.uniform(low, high))))
        if self._happens():
            mean = image[breast].mean()
            image = mean + (image - mean) * self.R.uniform(*self.contrast)
        if self._happens():
            image = image + self.R.uniform(-self.brightness, self.brightness)
        if self._happens():
            sigma = self.R.uniform(0.3, self.blur)
            smooth = _blurred(image, sigma)
            image = smooth if self.R.random() < 0.5 else image + self.R.uniform(0, 1) * (image - smooth)
        if self._happens():
            seed = int(self.R.randint(2**31))
            noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image.device)
            image = image + self.R.uniform(0, self.noise) * noise
        return image.clamp(1 / 255, 1) * breast


def _blurred(image: Tensor, sigma: float) -> Tensor:
    """Return `(1, columns, rows)` under a Gaussian of so many pixels."""
    offsets = torch.arange(-3, 4, device=image.device, dtype=image.dtype)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    padded = F.pad(image[None], (3, 3, 3, 3), mode="replicate")
    return F.conv2d(F.conv2d(padded, weights.view(1, 1, 7, 1)), weights.view(1, 1, 1, 7))[0]
