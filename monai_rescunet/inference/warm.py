"""Workflows of the bundle's inference that are built once and used again for the same settings."""

from __future__ import annotations

import json
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow

from monai_rescunet.core.errors import LeftOutError, input_error_behind
from monai_rescunet.handlers import FoldBatchNorms, StrictCheckpointLoader
from monai_rescunet.results.image_files import ImageResult

__all__ = ["WarmWorkflow", "warm_workflow"]

KEPT = 4
"""Workflows that are kept, each with its network; the one that was not used for longest goes first."""

_kept: OrderedDict[tuple[Any, ...], WarmWorkflow] = OrderedDict()
_lock = threading.Lock()


class WarmWorkflow:
    """The workflow of an inference config, with its network, weights and transforms in place.

    Args:
        root: the bundle's folder.
        settings: values of the config by their names, taken as they are.

    Attributes:
        lock: held while it runs, since one workflow does one thing at a time.
        spent: an error ended a run, after which Ignite's engine does nothing when it is run again, and says nothing.
    """

    def __init__(self, root: Path, settings: Mapping[str, Any]) -> None:
        self.lock, self.spent = threading.Lock(), False
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):  # a new network's weights are random first
            warnings.filterwarnings("ignore", message="parsing config_file")  # MONAI warns of configs by strangers
            self.workflow = ConfigWorkflow(
                config_file=str(root / "configs" / "inference.yaml"),
                meta_file=str(root / "configs" / "metadata.json"),
                logging_file=False,
                workflow_type="inference",
                **_unparsed(settings),
            )
            self.workflow.initialize()
            content = self.workflow.parser.get_parsed_content
            self.results, self.dataset, self.evaluator = content("results"), content("dataset"), content("evaluator")
            once = StrictCheckpointLoader | FoldBatchNorms
            self._once = [handler for handler in content("handlers") if isinstance(handler, once)]

    def run(
        self, entries: list[dict[str, Any]], told: Callable[[list[ImageResult]], list[dict[str, Any]]], **results: Any
    ) -> list[dict[str, Any]]:
        """Go through entries and return what `told` makes of what was found and kept.

        Args:
            entries: one an image.
            told: also gives the `results` of a `LeftOutError`.
            results: what changes from run to run: attributes of the handler.

        Raises:
            RuntimeError: as MONAI raises it, with its cause.
        """
        self.dataset.data = entries
        for name, value in results.items():
            setattr(self.results, name, value)
        self.evaluator.state.epoch_length = None  # that of the last run
        try:
            self.workflow.run()
            return told(self.results.found)
        except BaseException as error:
            fault = input_error_behind(error)
            if isinstance(fault, LeftOutError):
                fault.results = told(self.results.found)
            else:
                self.spent = True
            raise
        finally:
            self.results.close()
            self.results.found = []
            while self._once:  # the weights are in place, and a run without them is the last one
                self.evaluator.remove_event_handler(self._once.pop(), Events.STARTED)


def warm_workflow(root: Path, checkpoint: Path, settings: Mapping[str, Any]) -> WarmWorkflow:
    """Return a workflow of these settings: one that was built before, as long as config and weights are the same files.

    Args:
        root: the bundle's folder.
        checkpoint: the weights.
        settings: values of the config by their names.
    """
    named = (Path(value) for value in settings.values() if isinstance(value, str | Path) and value)
    beside = checkpoint.parent.glob(f"{checkpoint.stem}*")  # the weights and what was fitted to them
    files = (*sorted((root / "configs").glob("*")), *sorted((root / "models").glob("*")), *sorted(beside), *named)
    state = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files if path.is_file())
    try:
        key = (state, json.dumps(settings, sort_keys=True))
    except (TypeError, ValueError):  # what cannot be compared is not kept
        return WarmWorkflow(root, settings)
    with _lock:
        if key in _kept and not _kept[key].spent:
            _kept.move_to_end(key)
            return _kept[key]
        workflow = _kept[key] = WarmWorkflow(root, settings)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
        return workflow


def _unparsed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides by which settings come through MONAI's parser as they are.

    It runs strings that begin with `$` as Python and rewrites those with `@`, `%` and `#`, also in lists, but does not
    look into a tuple. Numbers are safe, and dictionaries are config.
    """
    values = tuple(settings.values())
    references = {name: f"$@_given_[{index}]" for index, name in enumerate(settings)}
    safe = {name: value for name, value in settings.items() if isinstance(value, dict) or _is_number(value)}
    return {"_given_": values, **references, **safe}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, list) and bool(value) and all(map(_is_number, value)))
