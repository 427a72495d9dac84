"""Do the runs: each once, whatever interrupts it and however many processes work on the same folder."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout
from tqdm import tqdm

from monai_rescunet.configs.parser import literal
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import digest, write_atomically
from monai_rescunet.experiments.environment import environment
from monai_rescunet.experiments.experiment import Experiment, Run, run_workflow
from monai_rescunet.experiments.plan import RunPlan

__all__ = ["FINISHED", "claim_folder", "do_runs", "unfinished"]

FINISHED = "finished.json"
"""A run's last file: what has it is whole."""

logger = logging.getLogger(__name__)


def claim_folder(experiment: Experiment) -> None:
    """Note in the output folder what its runs have in common, or check that it is the same.

    Raises:
        InputError: the folder's runs are of other data or have other settings.
    """
    path = experiment.out / "experiment.json"
    common = {"datalist": digest(experiment.datalist), "settings": experiment.settings}
    if not path.is_file():
        write_atomically(path, json.dumps(common, indent=1) + "\n")
    found = json.loads(path.read_text(encoding="utf-8"))
    for name, value in common.items():
        if found.get(name) != value:
            raise InputError(
                f"{path}: {name} is {found.get(name)!r}, now it is {value!r}, and runs of both cannot be compared; "
                "choose another output folder"
            )


def unfinished(experiment: Experiment) -> list[Run]:
    """Return the runs that are not whole yet."""
    return [run for run in experiment.runs if not (experiment.out / run.name / FINISHED).is_file()]


def do_runs(experiment: Experiment, plans: Sequence[RunPlan]) -> list[Run]:
    """Do what is planned and return the runs that are left to other processes.

    A run belongs to the process that holds the lock in its folder. The system gives it back when the process ends, in
    whatever way. A run that another process has finished in the meantime is not repeated.

    Args:
        experiment: the cross-validation.
        plans: its unfinished runs.
    """
    left = []
    with tqdm(
        total=sum(plan.seconds for plan in plans),
        bar_format="{desc}{percentage:3.0f}% |{bar}| {elapsed} so far, {remaining} left",
        dynamic_ncols=True,
    ) as bar:
        for number, plan in enumerate(plans, start=1):
            bar.set_description(f"{plan.run.name}, run {number} of {len(plans)}")
            folder = experiment.out / plan.run.name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with FileLock(folder / "lock", blocking=False):
                    if not (folder / FINISHED).is_file():
                        do_run(experiment, plan.run)
            except Timeout:
                left.append(plan.run)
            bar.update(plan.seconds)
    return left


def do_run(experiment: Experiment, run: Run) -> None:
    """Train, fit thresholds, evaluate; what an interrupted attempt has done already is kept.

    The folder gets `config.yaml` (whole, so that `python -m monai.bundle run` can repeat it), `environment.json` (one
    entry an attempt), `model.pt`, `model_thresholds.json`, `per_image.csv`, `metrics.json`, `maps.npz`, TensorBoard
    curves and in the end `finished.json`.
    """
    folder, start = experiment.out / run.name, time.monotonic()
    _remove(folder, ".*", "tmp*")  # files that an interrupted attempt left half-written under their temporary names
    _note_attempt(folder / "environment.json")
    training = experiment.workflow(run, resume=True)
    write_atomically(folder / "config.yaml", yaml.safe_dump(training.parser.get(), sort_keys=False))
    checkpoint = folder / "model.pt"
    if not checkpoint.is_file():
        run_workflow(training)
    problem = None
    try:
        run_workflow(experiment.workflow(run, "evaluate.yaml", "thresholds.yaml", checkpoint=literal(str(checkpoint))))
    except InputError as error:  # the other modes of Otsu have their answers all the same
        problem = str(error).replace(str(folder), folder.name)
        logger.warning("%s: mode fixed has no thresholds: %s", run.name, problem)
    run_workflow(experiment.workflow(run, "evaluate.yaml", checkpoint=literal(str(checkpoint)), save_maps=True))
    _remove(folder, "checkpoint_epoch=*.pt")
    finished: dict[str, Any] = {
        "network": run.network,
        "path": run.path,
        "supervision": run.supervision,
        "fold": run.fold,
        "seconds_of_last_attempt": round(time.monotonic() - start, 1),
        "thresholds": problem or "fitted",
    }
    write_atomically(folder / FINISHED, json.dumps(finished, indent=1) + "\n")


def _note_attempt(path: Path) -> None:
    attempts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    write_atomically(path, json.dumps([*attempts, environment()], indent=1) + "\n")


def _remove(folder: Path, *patterns: str) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path.is_file():
                path.unlink()
