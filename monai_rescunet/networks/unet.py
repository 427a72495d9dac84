"""U-Net: MONAI's `BasicUNet` with the classic widths, behind the constructor that the networks here share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from monai.networks.nets import BasicUNet
from torch import Tensor

from monai_rescunet.networks.base import SegmentationNetwork
from monai_rescunet.networks.blocks import LayerOptions

__all__ = ["UNet"]


class UNet(SegmentationNetwork, BasicUNet):
    """U-Net (Ronneberger et al. 2015; the paper's reference [13]) as MONAI builds it, with batch norm.

    Layers, parameters' names and results are `monai.networks.nets.BasicUNet`'s, whose sixth width is the first here.
    Only the forward pass is written anew: MONAI's can neither be compiled as one graph nor keep its odd sizes in ONNX.

    The constructor is `SegmentationNetwork`'s; widths are even numbers, and an image has at least 16 pixels a side.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import UNet
        >>> UNet(features=(8, 16, 32, 32, 32))(torch.zeros(1, 1, 65, 48)).shape
        torch.Size([1, 1, 65, 48])
    """

    widths = (64, 128, 256, 512, 1024)
    poolings = 4
    deepest = "down_4"
    has_checkpoints = False

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return one of MONAI's layers."""

    def build(
        self, spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int], layer: LayerOptions
    ) -> None:
        """Make MONAI's layers."""
        BasicUNet.__init__(self, spatial_dims, in_channels, out_channels, (*features, features[0]), **layer)

    def logits(self, x: Tensor) -> Tensor:
        """Return raw logits, `(B, out_channels, *spatial)`."""
        x0 = self.conv_0(x)
        x1 = self.down_1(x0)
        x2 = self.down_2(x1)
        x3 = self.down_3(x2)
        x = self.down_4(x3)
        x = self.upcat_4.convs(_join(x3, self.upcat_4.upsample(x)))
        x = self.upcat_3.convs(_join(x2, self.upcat_3.upsample(x)))
        x = self.upcat_2.convs(_join(x1, self.upcat_2.upsample(x)))
        x = self.upcat_1.convs(_join(x0, self.upcat_1.upsample(x)))
        return self.final_conv(x)


@torch.fx.wrap
def _join(encoded: Tensor, upsampled: Tensor) -> Tensor:
    """Concatenate both maps, the upsampled one repeating its last row where pooling dropped an odd one."""
    padding: list[int] = []
    for dim in range(encoded.dim() - 1, 1, -1):  # the last dimension first; a difference, since exports freeze an `if`
        padding += [0, encoded.shape[dim] - upsampled.shape[dim]]
    return torch.cat([encoded, F.pad(upsampled, padding, "replicate")], dim=1)
