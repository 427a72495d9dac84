"""Batch norms folded into their convolutions: what inference alone allows."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

from monai.networks.blocks import Convolution
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fold_batch_norms"]

Network = TypeVar("Network", bound=nn.Module)


def fold_batch_norms(network: Network) -> Network:
    """Return a copy for inference whose convolutions do their batch norms' work as well.

    A batch norm in evaluation is a scale and a shift, which the convolution before it can take over: the same logits up
    to rounding, without a pass over every feature map. The copy cannot be trained, nor can its weights be loaded
    anywhere else.

    Args:
        network: in evaluation mode, built from MONAI's `Convolution` blocks, as all networks here are.

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
    folded = deepcopy(network)
    for block in folded.modules():
        if isinstance(block, Convolution) and isinstance(norm := _norm(block), _BatchNorm):
            block.conv = fuse_conv_bn_eval(block.conv, norm)
            block.adn.N = nn.Identity()
    return folded


def _norm(block: Convolution) -> nn.Module | None:
    return getattr(getattr(block, "adn", None), "N", None)
