"""Handlers of the trainer: averaged weights, epochs that can be repeated, and how long training still takes."""

from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from monai_rescunet.data.datalists.seeded import SeededCacheDataset

__all__ = ["AverageWeights", "BroadcastBuffers", "RunProgress", "SeedEpochs"]


class AverageWeights:
    """Bring the average of a network's weights up to date after each step.

    Args:
        averaged: the average, `torch.optim.swa_utils.AveragedModel`.
        model: the network that is trained.
    """

    def __init__(self, averaged: AveragedModel, model: nn.Module) -> None:
        self.averaged, self.model = averaged, model

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: self.averaged.update_parameters(self.model))


class SeedEpochs:
    """Seed dropout and augmentation at the start of each epoch, from the run's seed and the epoch's number.

    So an epoch is the same whether training came to it or was resumed at it; its order is the sampler's, which goes by
    seed and epoch too. Of several processes each draws its own dropout.

    Args:
        seed: the run's seed.
        dataset: the training set.
    """

    def __init__(self, seed: int, dataset: SeededCacheDataset) -> None:
        self.seed, self.dataset = seed, dataset

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Seed torch, which dropout draws from, and the training set's transforms."""
        epoch_seed = (self.seed * 100_003 + engine.state.epoch) % 2**32
        torch.manual_seed((epoch_seed + 1_000_003 * idist.get_rank()) % 2**32)
        self.dataset.epoch_seed = epoch_seed


class BroadcastBuffers:
    """Give every process the buffers of the first one before they validate together.

    Processes that cannot synchronise their batch norms, as on CPUs, each keep running statistics of their own. Training
    and checkpoints go by those of the first; so must the validation.

    Args:
        module: the network, in every process.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self) -> None:
        """Copy the buffers, in place."""
        for buffer in self.module.buffers():
            torch.distributed.broadcast(buffer, src=0)


class RunProgress:
    """One progress bar for the whole training, with the loss and the time left."""

    def __init__(self) -> None:
        self.bar: tqdm[Any] | None = None

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer; attach to it after what loads a checkpoint."""
        # not EXCEPTION_RAISED: Ignite takes an exception that has a handler for dealt with
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.COMPLETED | Events.TERMINATE, self._stop)

    def _start(self, engine: Engine) -> None:
        total = engine.state.epoch_length * engine.state.max_epochs
        self.bar = tqdm(total=total, initial=engine.state.iteration, unit="batch", dynamic_ncols=True)

    def _step(self, engine: Engine) -> None:
        assert self.bar is not None
        output = engine.state.output[0] if isinstance(engine.state.output, list) else engine.state.output
        self.bar.set_description(f"epoch {engine.state.epoch}/{engine.state.max_epochs}", refresh=False)
        self.bar.set_postfix(loss=f"{float(output['loss']):.3f}", refresh=False)
        self.bar.update()

    def _stop(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
