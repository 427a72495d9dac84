"""Batch norms folded into their convolutions: what inference alone allows."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

from monai.networks.blocks import Convolution
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.modules.dropout import _DropoutNd as _Dropout
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fold_batch_norms"]

Network = TypeVar("Network", bound=nn.Module)


def fold_batch_norms(network: Network) -> Network:
    """Return a copy for inference whose convolutions do their batch norms' work as well.

    A batch norm in evaluation is a scale and a shift, which the convolution before it can take over: the same logits up
    to rounding, without a pass over every feature map. The copy cannot be trained, nor can its weights be loaded
    anywhere else. A network that has nothing to fold is returned as it is, and one whose batch norm or convolution
    has hooks keeps these two.

    Args:
        network: in evaluation mode; folded are MONAI's `Convolution` blocks, of which all networks here are built.

    Raises:
        ValueError: the network is in training mode.

    Example:
        >>> import torch
        >>> from monai_rescunet.networks import ResCUNet, fold_batch_norms
        >>> network = ResCUNet(features=(8, 16, 32, 32, 32)).eval()
        >>> image = torch.rand(1, 1, 64, 64)
        >>> torch.allclose(fold_batch_norms(network)(image), network(image), atol=1e-5)
        True
    """
    if network.training:
        raise ValueError("the network is in training mode; call eval() first: a batch norm then has no fixed scale")
    if not _foldable(network):
        return network
    folded = deepcopy(network)
    for block, norm in _foldable(folded):
        block.conv = fuse_conv_bn_eval(block.conv, norm, transpose=_is_transposed(block.conv))
        block.adn.N = nn.Identity()
    return folded


def _foldable(network: nn.Module) -> list[tuple[Convolution, _BatchNorm]]:
    """Return the blocks whose convolution can take over their batch norm, and that."""
    blocks = [block for block in network.modules() if isinstance(block, Convolution)]
    return [(block, norm) for block in blocks if (norm := _foldable_norm(block)) is not None]


def _foldable_norm(block: Convolution) -> _BatchNorm | None:
    """Return the batch norm that the block's convolution can take over, None if there is none."""
    conv = block.conv
    if _is_transposed(conv) and conv.groups > 1:  # its weights do not stand by output channel
        return None
    for layer in getattr(block, "adn", nn.Sequential()).children():
        if isinstance(layer, _BatchNorm):
            return layer if layer.running_mean is not None and not (_has_hooks(layer) or _has_hooks(conv)) else None
        if not isinstance(layer, _Dropout | nn.Identity):  # which let everything through in evaluation
            return None  # the norm is of what comes out of it
    return None


def _has_hooks(layer: nn.Module) -> bool:
    """Return whether someone looks at what the layer is given or gives, which folding changes."""
    return bool(layer._forward_pre_hooks or layer._forward_hooks)


def _is_transposed(conv: nn.Module) -> bool:
    return isinstance(conv, _ConvTransposeNd)
