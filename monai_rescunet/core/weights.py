"""Weights read into a network that they fit."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import nn

from monai_rescunet.core.errors import InputError

__all__ = ["load_weights"]

MOST_NAMED = 3
"""Tensors of weights that do not fit: torch names every one."""


def load_weights(network: nn.Module, path: str | Path, written_by: str = "train.yaml with the same network") -> None:
    """Read weights into a network.

    Args:
        network: of the features that the weights were trained with; it stays where it is, on any device.
        path: `model.pt` of a training. Weights stored as float16 become what the network has.
        written_by: what weights of this network come from, for the error.

    Raises:
        InputError: the file is missing or damaged, or its weights do not fit the network.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(
            f"{path}: there are no weights; expected a file that training wrote, such as model.pt"
        ) from None
    except Exception as error:  # a file cut off fails in many ways
        raise InputError(f"{path}: cannot be read as weights ({error}); copy it again") from error
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: are not the weights of this {type(network).__name__} ({_reason(error)}); "
            f"expected those that {written_by} wrote"
        ) from error


def _reason(error: Exception) -> str:
    """Return the first thing that torch says of weights that do not fit."""
    lines = str(error).strip().splitlines()
    told = lines[min(1, len(lines) - 1)].strip()
    names = re.findall(r'"[^"]*"', told)
    if len(names) <= MOST_NAMED:
        return told
    return f"{told.partition(':')[0]}: {', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"
