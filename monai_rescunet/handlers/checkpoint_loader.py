"""The weights that an evaluator runs with."""

from __future__ import annotations

from pathlib import Path

from ignite.engine import Engine, Events
from torch import nn

from monai_rescunet.core.weights import load_weights

__all__ = ["StrictCheckpointLoader"]


class StrictCheckpointLoader:
    """Read weights into a network when a run begins, as MONAI's `CheckpointLoader` does, and refuse others in words.

    By that part of its name MONAI's federated client knows it, and leaves it out.

    Args:
        model: the network, on any device.
        path: of the weights, whatever device they were saved from.
    """

    def __init__(self, model: nn.Module, path: str | Path) -> None:
        self.model, self.path = model, path

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, _: Engine) -> None:
        """Read the weights.

        Raises:
            InputError: the file is missing or damaged, or its weights do not fit the network.
        """
        load_weights(self.model, self.path)
