"""What is compared: networks and supervisions on the folds of a datalist, through the bundle's own configs."""

from __future__ import annotations

import gc
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from pydoc import locate
from typing import Any

import yaml
from monai.bundle import ConfigParser, ConfigWorkflow
from torch import nn

from monai_rescunet.configs.parser import literal
from monai_rescunet.configs.settings import SUPERVISIONS, check_name, check_setting
from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError, input_error_behind
from monai_rescunet.data import read_datalist
from monai_rescunet.networks import NETWORKS, get_network

__all__ = ["SUPERVISIONS", "Experiment", "Run", "find_network", "read_settings", "run_workflow"]

TRAIN = ("train.yaml", "paper.yaml")
OWN_NAMES = (
    "bundle_root", "dataset_dir", "datalist", "output_dir", "network", "supervision", "fold", "checkpoint", "resume",
)  # fmt: skip
# MONAI tells that a caller keeps its own logging, as this one does, three times a run
logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Run:
    """One training and its evaluation.

    Attributes:
        network: as tables name it.
        path: of the network's class.
        supervision: `binary` or `mixed`.
        fold: held out.
    """

    network: str
    path: str
    supervision: str
    fold: int

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.network}_{self.supervision}_fold{self.fold}"


@dataclass(frozen=True)
class Experiment:
    """A cross-validation.

    Args:
        dataset_dir, datalist: the data, as `monai-rescunet prepare` describes it; every entry has a fold.
        out: gets a folder a run.
        networks: names of the paper's networks, or paths of classes with the same constructor.
        supervisions: of `SUPERVISIONS`.
        folds: those to hold out; empty for all.
        settings: values of train.yaml by their name, for every run.

    Raises:
        InputError: a network, supervision, fold or setting that there is not.
    """

    dataset_dir: Path
    datalist: Path
    out: Path
    networks: Sequence[str] = tuple(NETWORKS)
    supervisions: Sequence[str] = SUPERVISIONS
    folds: Sequence[int] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """Entries of the datalist."""
        entries = read_datalist(self.datalist, self.dataset_dir)
        if any("fold" not in entry for entry in entries):
            raise InputError(f"{self.datalist}: an entry has no fold; write it again with `monai-rescunet prepare`")
        return entries

    @cached_property
    def runs(self) -> list[Run]:
        """All runs, one network's after the other's."""
        there = sorted({entry["fold"] for entry in self.entries})
        for name, values, allowed in (
            ("supervision", self.supervisions, SUPERVISIONS),
            ("fold", self.folds, there),
        ):
            if unknown := [value for value in values if value not in allowed]:
                raise InputError(f"{name} is {unknown[0]!r}; expected one of {', '.join(map(str, allowed))}")
        networks = dict(map(find_network, self.networks))
        if len(networks) < len(self.networks):
            raise InputError(f"networks are {', '.join(self.networks)}; two of them have one name")
        return [
            Run(*network, supervision, fold)
            for network, supervision, fold in product(networks.items(), self.supervisions, self.folds or there)
        ]

    def overrides(self, run: Run) -> dict[str, Any]:
        """Return what a run changes in the configs."""
        folder = self.out / run.name
        return {
            **self.settings,
            "bundle_root": literal(str(bundle_root())),
            "dataset_dir": literal(str(self.dataset_dir)),
            "datalist": literal(str(self.datalist)),
            "output_dir": literal(str(folder)),
            "network": run.path,
            "supervision": run.supervision,
            "fold": run.fold,
        }

    def parser(self, run: Run) -> ConfigParser:
        """Return the training's config, to look into."""
        parser = ConfigParser(ConfigParser.load_config_files(_files(TRAIN)))
        parser.update(self.overrides(run))
        return parser

    def workflow(self, run: Run, *overlays: str, **overrides: Any) -> ConfigWorkflow:
        """Return a run's training, or with overlays on its config what these do."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="parsing config_file")  # MONAI warns of configs by strangers
            return ConfigWorkflow(
                config_file=_files((*TRAIN, *overlays)),
                meta_file=str(bundle_root() / "configs" / "metadata.json"),
                logging_file=False,
                workflow_type="train",
                **self.overrides(run),
                **overrides,
            )


def run_workflow(workflow: ConfigWorkflow) -> None:
    """Run a workflow from beginning to end.

    Raises:
        InputError: bad input was found on the way; MONAI's own wrapping is taken off.
    """
    try:
        workflow.initialize()
        workflow.run()
        workflow.finalize()
    except Exception as error:
        fault = input_error_behind(error)
        if fault is None:
            raise
        raise fault from None
    finally:
        gc.collect()  # engines and their handlers hold one another, and with them networks and data


def find_network(name: str) -> tuple[str, str]:
    """Return what tables call a network and the path of its class.

    Args:
        name: of one of the paper's networks, or the path of any class.

    Raises:
        InputError: there is no such network.
    """
    if "." in name:
        found = locate(name)
        if not (isinstance(found, type) and issubclass(found, nn.Module)):
            raise InputError(f"network is {name!r}, which is no importable class of a network; give its whole path")
        return _name_of(found), name
    try:
        network = get_network(name)
    except ValueError as error:
        raise InputError(str(error)) from None
    return _name_of(network), f"{network.__module__}.{network.__qualname__}"


def _name_of(network: type[nn.Module]) -> str:
    return next((row.name for row in NETWORKS.values() if row.cls is network), network.__name__)


def read_settings(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the settings of `name=value` texts; values are written as in the configs.

    Raises:
        InputError: no name of train.yaml, one that the experiment itself sets, or a value of another kind than the
            config's own.
    """
    config = ConfigParser(ConfigParser.load_config_files(_files((*TRAIN, "evaluate.yaml"))))
    settings = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set is {text!r}; expected name=value")
        if name in OWN_NAMES:
            raise InputError(f"--set {name}: the experiment sets it itself; see its options")
        try:
            settings[name] = json.loads(value)  # YAML takes 1e-3 for a text
        except ValueError:
            settings[name] = yaml.safe_load(value)
        try:
            check_name(name, config, "train.yaml")
            settings[name] = check_setting(name, settings[name], config.get(name))
        except InputError as error:
            raise InputError(f"--set {text}: {error}") from None
    return settings


def _files(names: Sequence[str]) -> list[str]:
    return [str(bundle_root() / "configs" / name) for name in names]
