"""The finder's weights: read where they fit, and stored in half of their size."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_state
from monai_rescunet.core.weights import load_weights

__all__ = ["load_finder_weights", "store_finder_weights"]


def load_finder_weights(network: nn.Module, path: str | Path) -> nn.Module:
    """Read weights into the finder's network, and return it, ready for inference.

    Args:
        network: `FinderNet`, of the features that the weights were trained with.
        path: what `train_finder.yaml` wrote; weights stored as float16 become float32.

    Raises:
        InputError: the file is missing or damaged, or its weights do not fit the network.
    """
    if not Path(path).is_file():
        raise InputError(
            f"{path}: there is no such file; without the finder's weights no mammogram can be searched: give a box or "
            "a mask, or say that the image is a crop of one mass"
        )
    load_weights(network, path, "train_finder.yaml with the same finder_features")
    return network.eval()


def store_finder_weights(source: str | Path, path: str | Path) -> None:
    """Write weights for a bundle, those of convolutions as float16.

    Args:
        source: `model.pt` of a training.
        path: the file to write; `load_finder_weights` reads it.
    """
    state = torch.load(source, map_location="cpu", weights_only=True)
    # a batch norm's few statistics stay as they are: a variance may exceed what float16 holds
    write_state(Path(path), {key: value.half() if value.ndim == 4 else value for key, value in state.items()})
