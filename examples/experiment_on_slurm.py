"""Share an experiment among the jobs of a cluster that Slurm manages, one job a run.

    pip install 'monai-rescunet[cluster]'
    python examples/experiment_on_slurm.py DATA datalist.json runs/experiment --minutes 60 --gpus 1 \
        --partition gpu --set compile=inductor

It waits for the jobs. Run again, it submits what is not finished. Where there is no Slurm the jobs run on this machine.
"""

import sys
from pathlib import Path
from typing import Annotated

import submitit
import typer

from monai_rescunet.experiments.experiment import Experiment, read_settings
from monai_rescunet.experiments.runs import claim_folder, unfinished
from monai_rescunet.networks import NETWORKS


def main(
    dataset_dir: Path,
    datalist: Path,
    out: Path,
    network: list[str] | None = None,
    set_: Annotated[list[str] | None, typer.Option("--set")] = None,
    minutes: int = 60,
    gpus: int = 0,
    cpus: int = 4,
    at_once: int = 8,
    partition: str | None = None,
) -> None:
    """Submit a job for each run that is not finished, wait for all of them, and tell which failed."""
    assignments = set_ or []
    asked = Experiment(dataset_dir, datalist, out, network or tuple(NETWORKS), settings=read_settings(assignments))
    claim_folder(asked)
    cluster = submitit.AutoExecutor(folder=out / "jobs")
    cluster.update_parameters(name="experiment", timeout_min=minutes, gpus_per_node=gpus, cpus_per_task=cpus)
    cluster.update_parameters(slurm_array_parallelism=at_once, slurm_partition=partition)
    settings = [argument for text in assignments for argument in ("--set", text)]
    jobs = {}
    with cluster.batch():
        for run in unfinished(asked):
            command = [sys.executable, "-m", "monai_rescunet.cli", "experiment", dataset_dir, datalist, "--out", out]
            choice = ["--network", run.path, "--supervision", run.supervision, "--fold", run.fold]
            words = [str(word) for word in (*command, *choice, *settings)]
            jobs[run.name] = cluster.submit(submitit.helpers.CommandFunction(words, verbose=False))
    failed = [name for name, job in jobs.items() if job.exception() is not None]
    print(f"{len(jobs) - len(failed)} of {len(jobs)} runs are finished; logs are in {out / 'jobs'}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    typer.run(main)
