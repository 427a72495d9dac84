"""SegNet, U-SegNet and ResCU-Net: one VGG-16 encoder-decoder with pooling indices, three kinds of skip connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import Tensor, nn

from monai_rescunet.networks.base import SegmentationNetwork
from monai_rescunet.networks.blocks import ConvStage, DecoderStage, LayerOptions, ResidualModule
from monai_rescunet.networks.vgg16 import VGG16_DEPTHS, VGG16_FEATURES, vgg16_encoder

__all__ = ["ResCUNet", "SegNet", "USegNet", "VGGEncoderDecoder"]


class VGGEncoderDecoder(SegmentationNetwork):
    """Encoder of VGG-16's 13 convolutions, decoder its mirror, upsampling with the encoder's pooling indices.

    A subclass says what its skip connections are in `make_skip` and how they join the decoder in `fuse_1x1`.
    Any spatial size of at least 32 pixels a side is accepted, odd ones too: five poolings then leave one pixel.
    The constructor is `SegmentationNetwork`'s.
    """

    fuse_1x1 = False
    widths = VGG16_FEATURES
    poolings = 5
    deepest = "encoder.4"

    def build(
        self, spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int], layer: LayerOptions
    ) -> None:
        """Make encoder, decoder and the 1x1 convolution that ends the network."""
        self.encoder = vgg16_encoder(spatial_dims, in_channels, features, **layer)
        conv = Conv[Conv.CONV, spatial_dims]
        self.pool = Pool[Pool.MAX, spatial_dims](kernel_size=2, stride=2, return_indices=True)

        decoder = []
        for level, depth in reversed(list(enumerate(VGG16_DEPTHS))):
            width, next_width = features[level], features[max(level - 1, 0)]
            skip = self.make_skip(level, spatial_dims, width, **layer)
            channels = [width] * depth + [next_width]
            stages: list[nn.Module] = []
            if skip is not None and self.fuse_1x1:
                stages.append(conv(2 * width, width, kernel_size=1))
            elif skip is not None:
                channels[0] = 2 * width
            stages.append(ConvStage(spatial_dims, channels, **layer))
            decoder.append(DecoderStage(skip, nn.Sequential(*stages)))
        self.decoder = nn.ModuleList(decoder)  # the deepest level first
        self.head = conv(features[0], out_channels, kernel_size=1)

    def make_skip(
        self, level: int, spatial_dims: int, channels: int, **layer: Unpack[LayerOptions]
    ) -> nn.Module | None:
        """Return the skip connection of a level (0 is the finest), or None for a level without one."""
        return None

    def logits(self, x: Tensor) -> Tensor:
        """Return raw logits, `(B, out_channels, *spatial)`."""
        encoded: list[Tensor] = []
        indices: list[Tensor] = []
        for stage in self.encoder:
            if torch.jit.is_scripting():  # noqa: SIM108 - TorchScript leaves out the branches of a statement alone
                x = stage(x)
            else:
                x = self.run(stage, x)
            encoded.append(x)
            x, where = self.pool(x)
            indices.append(where)
        for stage in self.decoder:
            if torch.jit.is_scripting():
                x = stage(x, encoded.pop(), indices.pop())
            else:
                x = self.run(stage, x, encoded.pop(), indices.pop())
        return self.head(x)


class SegNet(VGGEncoderDecoder):
    """SegNet (Badrinarayanan et al. 2017; the paper's reference [18]): no skip connection but the pooling indices."""


class USegNet(VGGEncoderDecoder):
    """U-SegNet (Kumar et al. 2018): SegNet with U-Net's skip at the finest level only, joined by a 1x1 convolution."""

    fuse_1x1 = True

    def make_skip(
        self, level: int, spatial_dims: int, channels: int, **layer: Unpack[LayerOptions]
    ) -> nn.Module | None:
        """Return the identity at the finest level."""
        return nn.Identity() if level == 0 else None


class ResCUNet(VGGEncoderDecoder):
    """ResCU-Net (paper, section II-B, figures 2 and 3): a residual module on the skip connection of every level.

    The paper's text does not give figure 2's channel counts, so this is a reconstruction: VGG-16's widths, the
    decoder their mirror, each skip a residual module of the encoder's width, concatenated with the unpooled map.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import ResCUNet
        >>> net = ResCUNet(spatial_dims=2, in_channels=1, out_channels=1, features=(8, 16, 32, 32, 32))
        >>> net(torch.zeros(1, 1, 65, 48)).shape
        torch.Size([1, 1, 65, 48])
    """

    def make_skip(
        self, level: int, spatial_dims: int, channels: int, **layer: Unpack[LayerOptions]
    ) -> nn.Module | None:
        """Return a residual module of the level's width."""
        return ResidualModule(spatial_dims, channels, **layer)
