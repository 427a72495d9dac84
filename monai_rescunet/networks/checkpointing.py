"""Activation checkpointing: less memory in training, for a second forward pass of each stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

__all__ = ["checkpointed"]


def checkpointed(stage: nn.Module, *inputs: Any) -> Tensor:
    """Return `stage(*inputs)`, keeping the inputs alone for the backward pass, which computes the rest again.

    The second pass leaves the running statistics of batch norms alone, so that training is the same with and without.
    """
    if torch.compiler.is_compiling():  # the compiler computes pure operations again and knows no context
        compiled: Tensor = checkpoint(stage, *inputs, use_reentrant=False)
        return compiled
    result: Tensor = checkpoint(
        stage, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), _frozen_statistics(stage))
    )
    return result


@contextmanager
def _frozen_statistics(stage: nn.Module) -> Iterator[None]:
    layers = [layer for layer in stage.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    kept = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
    for layer in layers:
        layer.momentum = 0.0  # the statistics stay as they are, and what autograd keeps is what it kept the first time
        if layer.num_batches_tracked is not None:
            layer.num_batches_tracked = layer.num_batches_tracked.clone()
    try:
        yield
    finally:
        for layer, (momentum, batches) in zip(layers, kept, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, batches
