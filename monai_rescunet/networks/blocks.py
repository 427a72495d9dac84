"""Building blocks that the VGG-based networks share: convolution stages, index unpooling, the residual skip."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypedDict, Unpack

import torch
from monai.networks.blocks import Convolution
from torch import Tensor, nn

__all__ = ["ConvStage", "DecoderStage", "LayerName", "LayerOptions", "ResidualModule", "unpool"]

LayerName = str | tuple[str, dict[str, Any]] | None
"""A layer as MONAI names it: `"batch"`, `("group", {"num_groups": 4})`, or None for no such layer."""


class LayerOptions(TypedDict):
    """What follows each convolution, as in MONAI's `Convolution`."""

    act: LayerName
    norm: LayerName
    dropout: float | LayerName


@torch.fx.wrap
def unpool(x: Tensor, indices: Tensor, size: list[int]) -> Tensor:
    """Put pooled values back where max pooling found them, zeros elsewhere (SegNet's upsampling).

    Gives what `torch.nn.MaxUnpool2d` gives, bit for bit and in its time, and unlike it can be traced, scripted,
    exported to ONNX, transformed by `torch.func` and run deterministically, in 2D and 3D. A map in channels_last comes
    back in channels_last.

    Args:
        x: pooled map, `(B, C, *pooled)`.
        indices: flat positions in the unpooled map as `torch.nn.functional.max_pool2d(return_indices=True)` returns
            them, `(B, C, *pooled)`, int64.
        size: spatial size of the map that was pooled; odd sizes are lost without it.

    Returns:
        The unpooled map, `(B, C, *size)`.
    """
    numel = 1
    for length in size:
        numel *= length
    batch, channels = x.shape[0], x.shape[1]
    # the stride says channels_last: vmap cannot tell a memory format
    if x.dim() == 4 and x.stride(1) == 1 and x.stride(3) > 1:
        by_position = put(x.permute(0, 2, 3, 1).flatten(1, 2), indices.permute(0, 2, 3, 1).flatten(1, 2), 1, numel)
        return by_position.reshape([batch] + list(size) + [channels]).permute(0, 3, 1, 2)  # noqa: RUF005 - TorchScript
    flat = put(x.flatten(2), indices.flatten(2), 2, numel)
    return flat.reshape([batch, channels] + list(size))  # noqa: RUF005 - TorchScript has no unpacking in lists


def put(values: Tensor, positions: Tensor, dim: int, length: int) -> Tensor:
    """Return zeros of `length` along `dim`, with each value at its position, which no other value has."""
    if not torch.jit.is_scripting():  # which compiles nothing of this
        plain = not torch.jit.is_tracing() and not torch.compiler.is_compiling()
        if plain and values.device.type == "cpu" and values.dtype in (torch.bfloat16, torch.float16):
            return PutBits.apply(values, positions, dim, length)
    shape = list(values.shape)
    shape[dim] = length
    # zeros -> scatter_ -> reshape, in this order: scattering into a flattened view exports to ONNX as zeros, and
    # the out-of-place scatter is several times slower in bfloat16.
    return values.new_zeros(shape).scatter_(dim, positions, values)


class PutBits(torch.autograd.Function):
    """`put` of 16-bit floats as whole numbers: on CPUs torch scatters those twenty times as fast."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, positions: Tensor, dim: int, length: int) -> Tensor:
        """Return zeros with the values at their positions."""
        return put(values.view(torch.int16), positions, dim, length).view(values.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, int], output: Tensor) -> None:
        """Keep where the values went."""
        _, positions, ctx.dim, ctx.length = inputs
        ctx.save_for_backward(positions)
        ctx.save_for_forward(positions)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient at the positions."""
        return gradient.gather(ctx.dim, *ctx.saved_tensors), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        """Return the tangents at their positions: `put` is linear."""
        return put(tangent, ctx.saved_tensors[0], ctx.dim, ctx.length)


class ConvStage(nn.Sequential):
    """A run of 3x3 convolutions, each with normalisation and activation, of one resolution of VGG-16.

    Args:
        spatial_dims: 2 or 3.
        channels: widths from the input to the last convolution: `n + 1` widths make `n` convolutions.
        layer: `act`, `norm` and `dropout`, as in MONAI's `Convolution`.
    """

    def __init__(self, spatial_dims: int, channels: Sequence[int], **layer: Unpack[LayerOptions]) -> None:
        super().__init__(
            *(Convolution(spatial_dims, n_in, n_out, kernel_size=3, **layer) for n_in, n_out in pairwise(channels))
        )


class ResidualModule(nn.Module):
    """The residual skip connection of ResCU-Net: y = F(x) + x, F two convolution modules (equation 1, figure 3)."""

    def __init__(self, spatial_dims: int, channels: int, **layer: Unpack[LayerOptions]) -> None:
        super().__init__()
        self.residual = ConvStage(spatial_dims, [channels] * 3, **layer)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the shape of `x`, `(B, C, *spatial)`."""
        return self.residual(x) + x


class DecoderStage(nn.Module):
    """Unpool with the encoder's indices, join what the skip brings, convolve.

    Args:
        skip: module that the encoder's map of this level passes through before it is concatenated; None for no skip.
        convolutions: what follows; its input has twice the encoder's channels where there is a skip.
    """

    def __init__(self, skip: nn.Module | None, convolutions: nn.Module) -> None:
        super().__init__()
        self.skip = skip
        self.convolutions = convolutions

    def forward(self, x: Tensor, encoded: Tensor, indices: Tensor) -> Tensor:
        """Return the decoded map, `(B, C_out, *spatial)`.

        Args:
            x: map from the level below, `(B, C, *pooled)`.
            encoded: the encoder's map of this level before pooling, `(B, C, *spatial)`.
            indices: what pooling `encoded` returned, `(B, C, *pooled)`.
        """
        x = unpool(x, indices, encoded.shape[2:])  # type: ignore[arg-type]
        if self.skip is not None:
            x = torch.cat([x, self.skip(encoded)], dim=1)
        return self.convolutions(x)
