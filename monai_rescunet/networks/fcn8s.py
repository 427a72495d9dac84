"""FCN-8s: VGG-16 features scored at strides 8, 16 and 32."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Conv, Pool
from torch import Tensor

from monai_rescunet.networks.base import SegmentationNetwork
from monai_rescunet.networks.blocks import LayerOptions
from monai_rescunet.networks.vgg16 import VGG16_FEATURES, vgg16_encoder

__all__ = ["FCN8s"]


class FCN8s(SegmentationNetwork):
    """FCN-8s (Long et al. 2015; the paper's reference [17]): 1x1 score layers at strides 8, 16 and 32, summed upwards.

    Two choices where the paper is silent. The scores are upsampled by linear interpolation, the fixed deconvolutions of
    the published FCN-8s models, which fits any size. The stride-32 scores are read off VGG-16's last pooling;
    the two layers of 4096 features between them, made for ImageNet's classes, would be nine tenths of the network.

    The constructor is `SegmentationNetwork`'s; an image has at least 32 pixels a side.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import FCN8s
        >>> FCN8s(features=(8, 16, 32, 32, 32))(torch.zeros(1, 1, 65, 48)).shape
        torch.Size([1, 1, 65, 48])
    """

    widths = VGG16_FEATURES
    poolings = 5
    deepest = "encoder.4"

    def build(
        self, spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int], layer: LayerOptions
    ) -> None:
        """Make the encoder and a score layer at each of three strides."""
        self.encoder = vgg16_encoder(spatial_dims, in_channels, features, **layer)
        conv = Conv[Conv.CONV, spatial_dims]
        self.pool = Pool[Pool.MAX, spatial_dims](kernel_size=2, stride=2)
        self.score8 = conv(features[2], out_channels, kernel_size=1)
        self.score16 = conv(features[3], out_channels, kernel_size=1)
        self.score32 = conv(features[4], out_channels, kernel_size=1)
        self.interpolation = "bilinear" if spatial_dims == 2 else "trilinear"

    def logits(self, x: Tensor) -> Tensor:
        """Return raw logits, `(B, out_channels, *spatial)`."""
        image = x
        pooled: list[Tensor] = []
        for stage in self.encoder:
            if torch.jit.is_scripting():  # noqa: SIM108 - TorchScript leaves out the branches of a statement alone
                x = stage(x)
            else:
                x = self.run(stage, x)
            x = self.pool(x)
            pooled.append(x)
        scores = self._resize(self.score32(pooled[4]), pooled[3]) + self.score16(pooled[3])
        scores = self._resize(scores, pooled[2]) + self.score8(pooled[2])
        return self._resize(scores, image)

    def _resize(self, scores: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(scores, size=like.shape[2:], mode=self.interpolation, align_corners=False)
