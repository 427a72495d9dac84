"""Checkpoints of a training: written whole, two kept, and gone on from if they are of the same training."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint, DiskSaver, global_step_from_engine
from monai.handlers import CheckpointLoader
from torch import nn

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import write_state

__all__ = ["TrainingCheckpoints", "find_checkpoint"]

TRAINED_WITH = "trained_with"
MOST_TOLD = 8
logger = logging.getLogger(__name__)


def find_checkpoint(directory: str | Path) -> str | None:
    """Return the checkpoint of the latest epoch that can be read whole, and log which one; None if there is none.

    A file that was cut off, in a copy say, is passed over and the one before it taken.

    Args:
        directory: where `TrainingCheckpoints` wrote `checkpoint_epoch=N.pt`.
    """
    for path in reversed(_checkpoints(Path(directory)).values()):
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
    """Save all that training needs to go on, every few epochs, and go on from it when asked to.

    Two checkpoints are kept, so that there is one at any moment. A training that comes to its end writes the network
    alone, for evaluation and inference. Of several processes the first one saves; all of them read when they resume, so
    that `save_dir` must be a folder that every machine sees. Nothing is read or written before training starts.

    Args:
        save_dir: where `checkpoint_epoch=N.pt` and in the end `model.pt` are written.
        objects: what has a state beside the trainer: networks, optimiser, schedule; None for what there is not.
        final: the network that `model.pt` holds, where it is not `model`.
        resume: go on from the last checkpoint there is.
        trained_with: by their names, the plain values that the weights depend on, or groups of them. Checkpoints hold
            them, and none is resumed with others; one that holds none is resumed with a warning.
        interval: epochs between two checkpoints.

    An `InputError` ends the training at its start: `save_dir` holds checkpoints of another training, and `resume` is
    not set; or the checkpoint was made with other values; or the processes see different ones; and where `save_dir`
    cannot be written to.
    """

    def __init__(
        self,
        save_dir: str | Path,
        objects: Mapping[str, Any],
        final: nn.Module | None = None,
        resume: bool = False,
        trained_with: Mapping[str, Any] | None = None,
        interval: int = 1,
    ) -> None:
        self.save_dir = Path(save_dir)
        self.objects = {name: value for name, value in objects.items() if value is not None}
        self.final, self.resume, self.interval = final or objects["model"], resume, interval
        self.trained_with: dict[str, Any] = {}
        for name, value in (trained_with or {}).items():
            self.trained_with |= value if isinstance(value, Mapping) else {name: value}
        self._checkpoint: Checkpoint | None = None

    def attach(self, engine: Engine) -> None:
        """Attach to a trainer, before the handlers that look at its epoch."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_COMPLETED(every=self.interval), self._save)
        engine.add_event_handler(Events.COMPLETED, self._save_model)

    def _start(self, engine: Engine) -> None:
        """Go on from the last checkpoint, or from none; a trainer that is run again goes on by itself."""
        if self._checkpoint is not None:
            return
        objects = {**self.objects, "trainer": engine}
        path = self._find()
        with _told_as_input_error(self.save_dir):
            disk = _Disk(self.save_dir, self.trained_with)
        self._checkpoint = Checkpoint(
            objects,
            disk,
            n_saved=2,
            filename_pattern="checkpoint_epoch={global_step}.pt",
            global_step_transform=global_step_from_engine(engine),
        )
        if path is not None:
            CheckpointLoader(path, objects, map_location=engine.state.device)(engine)
            before = [(epoch, file.name) for epoch, file in _checkpoints(self.save_dir).items()]
            kept = [item for item in before if item[0] <= engine.state.epoch]
            self._checkpoint.load_state_dict({"_saved": kept[-2:]})
            for _, name in kept[:-2]:
                disk.remove(name)

    def _find(self) -> str | None:
        """Return the checkpoint to go on from."""
        if not self.resume:
            if _checkpoints(self.save_dir):
                raise InputError(
                    f"{self.save_dir}: holds the checkpoints of an earlier training; go on with it with "
                    "`--resume true`, or choose another output_dir"
                )
            return None
        path = find_checkpoint(self.save_dir)
        seen = set(idist.all_gather(str(path)))
        if len(seen) > 1:
            raise InputError(
                f"{self.save_dir}: the processes see different checkpoints in it, {' and '.join(sorted(seen))}; choose "
                "an output_dir that all machines share"
            )
        if path is not None:
            self._check(path)
        return path

    def _check(self, path: str) -> None:
        """Refuse a checkpoint of a training that is not this one."""
        before = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get(TRAINED_WITH, {})
        if self.trained_with and not before:
            logger.warning("%s does not say what it was trained with; it is taken for one of this training", path)
            return
        others = [
            f"{name} was {_told(before, name)} and is {_told(self.trained_with, name)}"
            for name in sorted({**self.trained_with, **before}, key=lambda name: "#" in name)
            if (name in before) != (name in self.trained_with) or before.get(name) != self.trained_with.get(name)
        ]
        if others:
            more = f" and {len(others) - MOST_TOLD} more" if len(others) > MOST_TOLD else ""
            raise InputError(
                f"{path}: is of another training, whose {', '.join(others[:MOST_TOLD])}{more}; go on with the values "
                "of then, or choose another output_dir"
            )

    def _save(self, engine: Engine) -> None:
        assert self._checkpoint is not None
        self._checkpoint(engine)

    def _save_model(self) -> None:
        if idist.get_rank() == 0:
            state = {name: value.cpu() for name, value in self.final.state_dict().items()}  # to be read without a GPU
            write_state(self.save_dir / "model.pt", state)


def _checkpoints(folder: Path) -> dict[int, Path]:
    """Return a folder's checkpoints by their epochs, in order."""
    found = ((re.fullmatch(r"checkpoint_epoch=(\d+)\.pt", path.name), path) for path in folder.glob("checkpoint_*.pt"))
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def _told(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else "not set"


@contextmanager
def _told_as_input_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch has its own error in the middle of a file
        fault = error if isinstance(error, OSError) else error.__context__
        if not isinstance(fault, OSError):
            raise
        raise InputError(f"{path}: cannot be written ({fault.strerror}); choose an output folder with room") from error


class _Disk(DiskSaver):
    """Where the first process writes checkpoints, each whole or not at all.

    Args:
        folder: gets them.
        told: what each of them holds beside the states.
    """

    def __init__(self, folder: Path, told: Mapping[str, Any]) -> None:
        super().__init__(folder, require_empty=False)
        self.told = told

    def __call__(self, checkpoint: Mapping[str, Any], filename: str, metadata: Mapping[str, Any] | None = None) -> None:
        with _told_as_input_error(self.dirname / filename):
            super().__call__({**checkpoint, TRAINED_WITH: self.told}, filename, metadata)

    def remove(self, filename: str) -> None:
        with suppress(FileNotFoundError):
            super().remove(filename)
