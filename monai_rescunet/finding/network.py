"""The finder's network: MONAI's UNet on the frame at a quarter of its size and below."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets import UNet
from torch import Tensor, nn

from monai_rescunet.finding.targets import MAP_NAMES, STRIDE

__all__ = ["FinderNet"]

RARE = -4.0
"""First bias of the maps of masses: as rare as they are, which training need not find out."""


class FinderNet(nn.Module):
    """MONAI's `UNet`, residual, between a folding of the frame by two and maps of half its size.

    Args:
        features: of the UNet's levels; the first stands at a quarter of the frame's size.
        num_res_units: convolutions of a level.

    Example:
        >>> import torch
        >>> FinderNet((8, 16, 16))(torch.rand(1, 1, 32, 64)).shape
        torch.Size([1, 4, 16, 32])
    """

    def __init__(self, features: Sequence[int] = (32, 64, 96, 128, 192, 256), num_res_units: int = 2) -> None:
        super().__init__()
        self.fold = nn.PixelUnshuffle(STRIDE)
        self.unet = UNet(
            spatial_dims=2,
            in_channels=STRIDE**2,
            out_channels=len(MAP_NAMES),
            channels=features,
            strides=[2] * (len(features) - 1),
            num_res_units=num_res_units,
            act="relu",
            norm="batch",
        )
        self.multiple = STRIDE * 2 ** (len(features) - 1)
        last = [module for module in self.unet.modules() if isinstance(module, nn.Conv2d) and module.bias is not None][
            -1
        ]
        with torch.no_grad():
            last.bias[:2] = RARE  # type: ignore[index]

    def forward(self, frame: Tensor) -> Tensor:
        """Return the logits of `inside` and `centre`, and `log_width` and `log_height`, `(B, 4, *spatial / 2)`.

        Args:
            frame: `(B, 1, *spatial)` in [0, 1].

        Raises:
            ValueError: a side is no multiple of what the levels need.
        """
        if any(side % self.multiple for side in frame.shape[2:]):
            raise ValueError(f"the frame is {tuple(frame.shape[2:])}; expected multiples of {self.multiple} pixels")
        logits: Tensor = self.unet(self.fold(frame))
        return logits
