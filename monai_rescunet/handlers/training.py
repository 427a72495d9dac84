"""Handlers of the trainer: the same training whether it was interrupted or not, and how long it still takes."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint, global_step_from_engine
from ignite.handlers.checkpoint import BaseSaveHandler
from monai.handlers import CheckpointLoader
from torch import nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_state
from monai_rescunet.data.datalists.seeded import SeededCacheDataset

__all__ = [
    "AverageWeights",
    "BroadcastBuffers",
    "RunProgress",
    "SeedEpochs",
    "TrainingCheckpoints",
    "find_checkpoint",
]

TRAINED_WITH = "trained_with"
logger = logging.getLogger(__name__)


def find_checkpoint(directory: str | Path) -> str | None:
    """Return the checkpoint of the latest epoch that can be read whole, and log which one; None if there is none.

    A file that was cut off, in a copy say, is passed over and the one before it taken.

    Args:
        directory: where `TrainingCheckpoints` wrote `checkpoint_epoch=N.pt`.
    """
    epochs = {
        int(match[1]): path
        for path in Path(directory).glob("checkpoint_epoch=*.pt")
        if (match := re.fullmatch(r"checkpoint_epoch=(\d+)\.pt", path.name))
    }
    for _, path in sorted(epochs.items(), reverse=True):
        try:
            torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a file cut off fails in many ways
            logger.warning("%s cannot be read (%s) and is passed over", path, error)
            continue
        logger.info("resuming from %s", path)
        return str(path)
    logger.info("no checkpoint to resume from in %s: starting at the first epoch", directory)
    return None


class TrainingCheckpoints:
    """Save all that training needs to go on, after every epoch, and go on from it when asked to.

    Two checkpoints are kept, so that there is one at any moment. A training that comes to its end writes the network
    alone, for evaluation and inference. Of several processes the first one saves; all of them read when they resume, so
    that `save_dir` must be a folder that every machine sees.

    Args:
        save_dir: where `checkpoint_epoch=N.pt` and in the end `model.pt` are written.
        objects: what has a state beside the trainer: networks, optimiser, schedule.
        final: the network that `model.pt` holds, where it is not `model`.
        resume: go on from the last checkpoint there is.
        trained_with: by their names, the plain values that the weights depend on. Checkpoints hold them, and none is
            resumed with others; one that holds none, as those of older versions, is resumed with a warning.

    Raises:
        InputError: not resuming, and `save_dir` holds checkpoints of another training; or resuming one that was made
            with other values; or the processes see different checkpoints in it; or it cannot be written to.
    """

    def __init__(
        self,
        save_dir: str | Path,
        objects: dict[str, Any],
        final: nn.Module | None = None,
        resume: bool = False,
        trained_with: Mapping[str, Any] | None = None,
    ) -> None:
        self.save_dir, self.objects, self.final = Path(save_dir), objects, final or objects["model"]
        self.trained_with = dict(trained_with or {})
        self.load_path = find_checkpoint(save_dir) if resume else None
        if not resume and any(Path(save_dir).glob("checkpoint_epoch=*.pt")):
            raise InputError(
                f"{save_dir}: holds the checkpoints of an earlier training; go on with it with `--resume true`, "
                "or choose another output_dir"
            )
        seen = set(idist.all_gather(str(self.load_path)))
        if len(seen) > 1:
            raise InputError(
                f"{save_dir}: the processes see different checkpoints in it, {' and '.join(sorted(seen))}; choose an "
                "output_dir that all machines share"
            )
        if self.load_path is not None:
            self._check_checkpoint(self.load_path)

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer, before the handlers that look at its epoch."""
        objects = {**self.objects, "trainer": engine}
        if self.load_path is not None:
            CheckpointLoader(self.load_path, objects, map_location=engine.state.device).attach(engine)
        # not MONAI's CheckpointSaver: a file it had no room for stays behind cut off
        checkpoint = Checkpoint(
            objects,
            _WholeFiles(self.save_dir, {TRAINED_WITH: self.trained_with}),
            n_saved=2,
            filename_pattern="checkpoint_epoch={global_step}.pt",
            global_step_transform=global_step_from_engine(engine),
        )
        engine.add_event_handler(Events.EPOCH_COMPLETED, checkpoint)
        engine.add_event_handler(Events.COMPLETED, self._save_model)

    def _check_checkpoint(self, path: str) -> None:
        """Refuse a checkpoint of a training that is not this one."""
        before = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get(TRAINED_WITH, {})
        if self.trained_with and not before:
            logger.warning("%s does not say what it was trained with; it is taken for one of this training", path)
        others = [
            f"{name} was {before[name]!r} and is {value!r}"
            for name, value in self.trained_with.items()
            if before.get(name, value) != value
        ]
        if others:
            raise InputError(
                f"{path}: is of another training, whose {', '.join(others)}; go on with the values of then, or choose "
                "another output_dir"
            )

    def _save_model(self) -> None:
        if idist.get_rank() == 0:
            write_state(self.save_dir / "model.pt", self.final.state_dict())


class _WholeFiles(BaseSaveHandler):
    """Where the first process writes checkpoints, each whole or not at all.

    Args:
        folder: gets them.
        told: what each of them holds beside the states.
    """

    def __init__(self, folder: Path, told: Mapping[str, Any]) -> None:
        self.folder, self.told = folder, told

    def __call__(self, checkpoint: Mapping[str, Any], filename: str, metadata: Mapping[str, Any] | None = None) -> None:
        if idist.get_rank() == 0:
            write_state(self.folder / filename, {**checkpoint, **self.told})

    def remove(self, filename: str) -> None:
        if idist.get_rank() == 0:
            (self.folder / filename).unlink(missing_ok=True)


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
