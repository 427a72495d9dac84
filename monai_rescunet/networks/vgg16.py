"""VGG-16's thirteen convolutions as an encoder, and torchvision's weights for it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Unpack

import torch
from torch import Tensor, nn

from monai_rescunet.networks.blocks import ConvStage, LayerOptions

__all__ = ["VGG16_DEPTHS", "VGG16_FEATURES", "load_vgg16_encoder", "vgg16_encoder"]

VGG16_FEATURES = (64, 128, 256, 512, 512)
VGG16_DEPTHS = (2, 2, 3, 3, 3)
FIRST_WEIGHT = "0.0.conv.weight"


def vgg16_encoder(
    spatial_dims: int, in_channels: int, features: Sequence[int], **layer: Unpack[LayerOptions]
) -> nn.ModuleList:
    """Return the five stages of VGG-16 (Simonyan and Zisserman 2015, configuration D), the poolings left out.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        features: channels of the five stages, the finest first.
        layer: `act`, `norm` and `dropout`, as in MONAI's `Convolution`.
    """
    return nn.ModuleList(
        ConvStage(spatial_dims, [n_in] + [n_out] * depth, **layer)
        for n_in, n_out, depth in zip([in_channels, *features[:-1]], features, VGG16_DEPTHS, strict=True)
    )


def load_vgg16_encoder(net: nn.Module, path: str | PathLike[str]) -> None:
    """Fill the encoder of a VGG-based network from a state dict of torchvision's `vgg16` or `vgg16_bn`.

    Three input channels take the first layer as it is. Any other number takes the mean over the file's three, shared
    out equally, so that a grey image gives the same features as the only channel or repeated in all of them; they
    are what torchvision computes from that image in its three channels at a third of the intensity.

    `vgg16_bn` fills the batch norms too. `vgg16` has none: the network's normalisation keeps the state it has, which
    for a new batch norm is the identity in evaluation mode (but for its epsilon) until training gathers statistics.
    The classifier of the file is not used. The file comes, where there is a network, from
    `curl -O https://download.pytorch.org/models/vgg16_bn-6c64b313.pth`.

    Args:
        net: a 2D `FCN8s`, `SegNet`, `USegNet` or `ResCUNet`.
        path: file that `torch.save` wrote; read with `weights_only=True`.

    Raises:
        ValueError: the network has no VGG-16 encoder, the file holds no state dict, or a layer is missing or does not
            fit. The message names each such layer with both shapes, and the network is left as it was.

    Example:
        >>> from monai_rescunet.networks import ResCUNet, load_vgg16_encoder
        >>> load_vgg16_encoder(ResCUNet(), "vgg16_bn-6c64b313.pth")  # doctest: +SKIP
    """
    encoder = getattr(net, "encoder", nn.Module())
    expected = encoder.state_dict()
    if FIRST_WEIGHT not in expected:
        raise ValueError(f"{type(net).__name__} has no VGG-16 encoder to load {path} into")
    found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}; the state dict of vgg16 or vgg16_bn is expected")
    loaded: dict[str, Tensor] = {}
    faults = []
    for ours, theirs in _layers(with_norm="features.1.running_mean" in found).items():
        value = found.get(theirs)
        if ours == FIRST_WEIGHT and value is not None:
            value = _fit_in_channels(value, expected[ours].shape[1])
        shapes = [None if tensor is None else tuple(tensor.shape) for tensor in (value, expected.get(ours))]
        if value is None or shapes[0] != shapes[1]:
            faults.append(f"encoder.{ours} from {theirs}: found {shapes[0]}, expected {shapes[1]}")
        else:
            loaded[ours] = value
    if faults:
        raise ValueError(f"{path} does not fit {type(net).__name__}; " + "; ".join(faults))
    encoder.load_state_dict(loaded, strict=False)  # what the file does not hold was settled above


def _layers(with_norm: bool) -> dict[str, str]:
    """Return torchvision's name of each parameter and statistic by its name in the encoder."""
    names = {}
    position = 0
    for stage, depth in enumerate(VGG16_DEPTHS):
        for layer in range(depth):
            for kind in ("weight", "bias"):
                names[f"{stage}.{layer}.conv.{kind}"] = f"features.{position}.{kind}"
            if with_norm:
                for kind in ("weight", "bias", "running_mean", "running_var"):
                    names[f"{stage}.{layer}.adn.N.{kind}"] = f"features.{position + 1}.{kind}"
            position += 3 if with_norm else 2  # convolution, norm, activation
        position += 1  # pooling
    return names


def _fit_in_channels(weight: Tensor, in_channels: int) -> Tensor:
    """Return the first layer's weight, `(C_out, 3, 3, 3)`, for another number of input channels."""
    if in_channels == weight.shape[1]:
        return weight
    return weight.mean(dim=1, keepdim=True).repeat_interleave(in_channels, dim=1) / in_channels
