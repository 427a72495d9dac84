"""FCN-8s: VGG-16 features scored at strides 8, 16 and 32."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from monai.networks.layers.factories import Conv, Pool
from torch import Tensor, nn

from monai_rescunet.networks.blocks import LayerName
from monai_rescunet.networks.checks import check_size
from monai_rescunet.networks.vgg16 import VGG16_FEATURES, vgg16_encoder

__all__ = ["FCN8s"]


class FCN8s(nn.Module):
    """FCN-8s (Long et al. 2015; the paper's reference [17]): 1x1 score layers at strides 8, 16 and 32, summed upwards.

    Two choices where the paper is silent. The scores are upsampled by linear interpolation, the fixed deconvolutions of
    the published FCN-8s models, which fits any size. The stride-32 scores are read off VGG-16's last pooling;
    the two layers of 4096 features between them, made for ImageNet's classes, would be nine tenths of the network.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of the output.
        features: channels at each of the five resolutions, the finest first.
        act: activation, as in MONAI's `Convolution`.
        norm: normalisation, as in MONAI's `Convolution`.
        dropout: dropout probability after each convolution, as in MONAI's `Convolution`.

    Raises:
        ValueError: `spatial_dims` is not 2 or 3, or `features` has not five widths.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import FCN8s
        >>> FCN8s(features=(8, 16, 32, 32, 32))(torch.zeros(1, 1, 65, 48)).shape
        torch.Size([1, 1, 65, 48])
    """

    deepest = "encoder.4"

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        out_channels: int = 1,
        features: Sequence[int] = VGG16_FEATURES,
        act: LayerName = ("relu", {"inplace": True}),
        norm: LayerName = "batch",
        dropout: float | LayerName = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = vgg16_encoder(spatial_dims, in_channels, features, act=act, norm=norm, dropout=dropout)
        conv = Conv[Conv.CONV, spatial_dims]
        self.pool = Pool[Pool.MAX, spatial_dims](kernel_size=2, stride=2)
        self.score8 = conv(features[2], out_channels, kernel_size=1)
        self.score16 = conv(features[3], out_channels, kernel_size=1)
        self.score32 = conv(features[4], out_channels, kernel_size=1)
        self.interpolation = "bilinear" if spatial_dims == 2 else "trilinear"

    def forward(self, x: Tensor) -> Tensor:
        """Return raw logits.

        Args:
            x: images, `(B, in_channels, *spatial)`, of at least 32 pixels a side.

        Returns:
            Logits, `(B, out_channels, *spatial)`.

        Raises:
            ValueError: a side is shorter than 32 pixels; the message names the smallest size that fits.
        """
        size = list(x.shape[2:])
        check_size(size, poolings=len(self.encoder))
        pooled: list[Tensor] = []
        for stage in self.encoder:
            x = self.pool(stage(x))
            pooled.append(x)
        scores = self._resize(self.score32(pooled[4]), list(pooled[3].shape[2:])) + self.score16(pooled[3])
        scores = self._resize(scores, list(pooled[2].shape[2:])) + self.score8(pooled[2])
        return self._resize(scores, size)

    def _resize(self, scores: Tensor, size: list[int]) -> Tensor:
        return F.interpolate(scores, size=size, mode=self.interpolation, align_corners=False)
