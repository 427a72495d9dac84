"""The order in which a network's feature maps lie in memory while it trains: a matter of speed alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monai_rescunet.core.errors import InputError
from monai_rescunet.training.inferers import supports_bfloat16

__all__ = ["choose_memory_format"]

FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
WIDE = 32  # channels of the finest maps from which the AVX2 weight gradient costs more than the rest gains


def choose_memory_format(
    name: str, device: torch.device, features: Sequence[int], amp: bool = True
) -> torch.memory_format:
    """Return the memory format that a 2D network trains fastest in; the answer is the same in both up to rounding.

    `auto` takes channels_last, but for wide networks in float32 on processors without AVX-512: oneDNN's AVX2 kernel for
    the weight gradient of maps in channels_last takes longer there than all else gains. The rule asks the device and
    measures nothing, so that a training that is run again or resumed computes the same to the last bit.

    Args:
        name: `auto`, `channels_last` or `contiguous`.
        device: where the network trains.
        features: its widths, the finest first.
        amp: whether it trains in bfloat16 where the device has units for it.

    Raises:
        InputError: `name` is another.

    Example:
        >>> choose_memory_format("auto", torch.device("cpu"), (16, 32, 64, 128, 128))
        torch.channels_last
    """
    if name in FORMATS:
        return FORMATS[name]
    if name != "auto":
        raise InputError(f"memory_format is {name!r}; expected auto, {' or '.join(FORMATS)}")
    device = torch.device(device)
    in_float32 = not (amp and supports_bfloat16(device))
    narrow_units = device.type == "cpu" and "AVX512" not in torch.backends.cpu.get_cpu_capability()
    if in_float32 and narrow_units and features[0] >= WIDE:
        return torch.contiguous_format
    return torch.channels_last
