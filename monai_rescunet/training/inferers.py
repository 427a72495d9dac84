"""Run a network on the fast path of its device: bfloat16 where the device computes in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import SimpleInferer
from torch import Tensor, nn

__all__ = ["AutocastInferer", "supports_bfloat16"]

TOGETHER = 4 * 128**2  # pixels that are still faster in one batch; more gain nothing by it and cost memory


def supports_bfloat16(device: torch.device) -> bool:
    """Return whether the device has bfloat16 units; where a CPU only emulates them they are slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    return False


class AutocastInferer(SimpleInferer):
    """Forward pass under bfloat16 autocast, for trainer and evaluator alike.

    MONAI's engines know mixed precision on CUDA only; an inferer works on every device. Batch norm statistics, loss and
    optimiser stay in float32, and the logits come back as float32.

    Args:
        amp: use bfloat16 where the device has units for it.
        flips: average the logits over the input and its flips along every set of spatial axes, four in 2D; or along
            these spatial axes (from 0), one at a time. They go through the network in one batch where that is small,
            in passes of their own where not.
    """

    def __init__(self, amp: bool = True, flips: bool | Sequence[int] = False) -> None:
        super().__init__()
        self.amp, self.flips = amp, flips

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> Tensor:
        """Return the logits, float32, `(B, C, *spatial)`, with the metadata of `inputs`.

        Args:
            inputs: `(B, C, *spatial)`.
            network: called with `inputs`, `args` and `kwargs`.
        """
        # a MetaTensor would go through Python at every layer
        plain = inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs
        enabled = self.amp and supports_bfloat16(plain.device)
        flips = self._flips(plain.ndim)
        views = [plain, *(plain.flip(axes) for axes in flips)]
        small = len(views) * plain[:, 0].numel() <= TOGETHER
        with torch.autocast(plain.device.type, dtype=torch.bfloat16, enabled=enabled):
            if flips and small and not (args or kwargs):  # which may be of the batch's size
                answers = network(torch.cat(views)).float().chunk(len(views))
            else:
                answers = [network(view, *args, **kwargs).float() for view in views]
        logits = answers[0]
        for axes, answer in zip(flips, answers[1:], strict=True):
            logits = logits + answer.flip(axes)
        if flips:
            logits = logits / len(views)
        return MetaTensor(logits).copy_meta_from(inputs, copy_attr=False) if isinstance(inputs, MetaTensor) else logits

    def views(self, spatial_dims: int = 2) -> int:
        """Return how many pictures of each go through the network: itself and its flips."""
        return 1 + len(self._flips(2 + spatial_dims))

    def _flips(self, ndim: int) -> list[tuple[int, ...]]:
        """Return the sets of axes of a batch to flip along."""
        if isinstance(self.flips, bool):
            return _axis_sets(ndim) if self.flips else []
        return [(2 + axis,) for axis in self.flips]


def _axis_sets(ndim: int) -> list[tuple[int, ...]]:
    """Return the sets of spatial axes, but for the empty one."""
    axes = range(2, ndim)
    return list(chain.from_iterable(combinations(axes, count) for count in range(1, len(axes) + 1)))
