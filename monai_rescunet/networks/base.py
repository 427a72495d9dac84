"""What the networks share: MONAI's constructor, the check of the image's size, activation checkpointing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from monai_rescunet.networks.blocks import LayerName, LayerOptions
from monai_rescunet.networks.checkpointing import checkpointed
from monai_rescunet.networks.checks import check_constructor, check_size

__all__ = ["SegmentationNetwork"]

torch.fx.wrap("check_size")


class SegmentationNetwork(nn.Module):
    """A network that answers with logits of the size of its image.

    A subclass makes its layers in `build` and its logits in `logits`, and says its widths, how often it halves the
    image, and which module's output are its deepest features.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of the output: 1 for the grey map M behind a sigmoid, 3 for a softmax over
            background, benign mass and malignant mass.
        features: channels at each of the five resolutions, the finest first; None for the class's `widths`.
        act: activation, as in MONAI's `Convolution`.
        norm: normalisation, as in MONAI's `Convolution`.
        dropout: dropout probability after each convolution, as in MONAI's `Convolution`.
        checkpointing: in training, keep each stage's inputs alone and compute the rest again in the backward pass: less
            than half of the activations' memory, for about a third more time, and the same result.

    Raises:
        ValueError: `spatial_dims` is not 2 or 3, `features` has not five widths, or a network without checkpoints
            (`UNet`) is asked for them.
    """

    widths: ClassVar[tuple[int, ...]]
    poolings: int
    deepest: ClassVar[str]
    has_checkpoints: ClassVar[bool] = True
    __constants__ = ["poolings"]

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        out_channels: int = 1,
        features: Sequence[int] | None = None,
        act: LayerName = ("relu", {"inplace": True}),
        norm: LayerName = "batch",
        dropout: float | LayerName = 0.0,
        checkpointing: bool = False,
    ) -> None:
        nn.Module.__init__(self)  # another base class is made in `build`, which knows its arguments
        features = self.widths if features is None else features
        check_constructor(spatial_dims, features)
        if checkpointing and not self.has_checkpoints:
            raise ValueError(f"checkpointing is True; {type(self).__name__} has none: leave it False")
        self.build(spatial_dims, in_channels, out_channels, features, {"act": act, "norm": norm, "dropout": dropout})
        self.checkpointing = checkpointing

    def build(
        self, spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int], layer: LayerOptions
    ) -> None:
        """Make the layers, from arguments that are checked."""
        raise NotImplementedError

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of images that are large enough."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return raw logits.

        Args:
            x: images, `(B, in_channels, *spatial)`; any size is accepted that leaves a pixel at the deepest level.

        Returns:
            Logits, `(B, out_channels, *spatial)`.

        Raises:
            ValueError: a side is too short; the message names the smallest that fits.
        """
        check_size(x, self.poolings)
        return self.logits(x)

    @torch.jit.unused
    def run(self, stage: nn.Module, *inputs: Tensor) -> Tensor:
        """Return `stage(*inputs)`, checkpointed in training where that is asked for."""
        result: Tensor = checkpointed(stage, *inputs) if self.checkpointing and self.training else stage(*inputs)
        return result
