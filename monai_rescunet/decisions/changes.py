"""What another scanner does to a picture of the same mass: tone, sharpness, noise, resolution, compression.

The changes leave the mass as it is, so a decision that they turn over was read off the scanner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage.filters import unsharp_mask
from torch import Tensor
from torch.nn import functional as F

from monai_rescunet.transforms import ScaleBreastIntensity

__all__ = ["CHANGES", "Change"]

NOISE_SEED = 0


def _same(picture: Tensor) -> Tensor:
    return picture


@dataclass(frozen=True)
class Change:
    """One change of a region of interest.

    Attributes:
        name: what is changed and by how much; sigmas in pixels of the region.
        apply: takes the scaled region, `(1, *spatial)` in [0, 1], to the changed one, which is clipped to [0, 1].
        undo: takes a map of the changed region back into the region's geometry.
        percentile: the region is scaled by this percentile and 100 minus it.
        mild: within what a decision is expected to survive: at most one in ten may turn over.
    """

    name: str
    apply: Callable[[Tensor], Tensor] = _same
    undo: Callable[[Tensor], Tensor] = _same
    percentile: float = 1.0
    mild: bool = False

    def __call__(self, region: Tensor, normalize: Callable[[Tensor], Tensor] = _same) -> Tensor:
        """Return the network's input, `(1, *spatial)` in [0, 1].

        Args:
            region: not scaled yet, `(1, *spatial)`.
            normalize: what comes after the change in the network's preprocessing.
        """
        scaled = ScaleBreastIntensity(self.percentile, 100 - self.percentile)(region)
        return normalize(self.apply(scaled).clamp(0, 1))


def _blur(sigma: float) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.from_numpy(ndimage.gaussian_filter(x.numpy(), (0, sigma, sigma)))


def _sharpen(amount: float) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.from_numpy(unsharp_mask(x[0].numpy(), radius=1, amount=amount).astype(np.float32))[None]


def _gamma(gamma: float) -> Callable[[Tensor], Tensor]:
    return lambda x: x**gamma


def _contrast(factor: float) -> Callable[[Tensor], Tensor]:
    return lambda x: (x - x.mean()) * factor + x.mean()


def _noise(std: float) -> Callable[[Tensor], Tensor]:
    return lambda x: x + std * torch.randn(x.shape, generator=torch.Generator().manual_seed(NOISE_SEED))


def _resolution(share: float) -> Callable[[Tensor], Tensor]:
    def coarser(x: Tensor) -> Tensor:
        small = F.interpolate(x[None], scale_factor=share, mode="area")
        return F.interpolate(small, size=x.shape[1:], mode="bilinear")[0]

    return coarser


def _jpeg(quality: int) -> Callable[[Tensor], Tensor]:
    def compressed(x: Tensor) -> Tensor:
        file = BytesIO()
        Image.fromarray((x[0] * 255).round().byte().numpy()).save(file, "JPEG", quality=quality)
        return torch.from_numpy(np.asarray(Image.open(file), dtype=np.float32) / 255)[None]

    return compressed


CHANGES = (
    Change("none"),
    *(Change(f"blur {sigma}", _blur(sigma), mild=True) for sigma in (0.5, 1.0, 1.5)),
    *(Change(f"sharpening {amount}", _sharpen(amount)) for amount in (1.0, 2.0)),
    *(Change(f"gamma {gamma}", _gamma(gamma), mild=0.6 <= gamma <= 1.7) for gamma in (0.5, 0.6, 0.8, 1.3, 1.7, 2.0)),
    *(Change(f"contrast {factor}", _contrast(factor), mild=0.7 <= factor <= 1.4) for factor in (0.6, 0.7, 1.4, 1.6)),
    *(Change(f"window {percentile}", percentile=percentile) for percentile in (0.1, 0.5, 2.0, 5.0)),
    *(Change(f"noise {std}", _noise(std), mild=std <= 0.04) for std in (0.02, 0.04, 0.06)),
    Change("half resolution", _resolution(0.5), mild=True),
    Change("quarter resolution", _resolution(0.25)),
    *(Change(f"JPEG {quality}", _jpeg(quality), mild=quality >= 50) for quality in (30, 50, 70, 90)),
    Change("flip", lambda x: x.flip(1), lambda x: x.flip(1)),
    Change("quarter turn", lambda x: x.rot90(1, (1, 2)), lambda x: x.rot90(-1, (1, 2))),
)
"""The region as it is, then its changes."""
