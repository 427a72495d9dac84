"""Share the images of an inference among the jobs of a cluster that Slurm manages.

    pip install 'monai-rescunet[cluster]'
    python examples/inference_on_slurm.py ARCHIVE datalist.json runs/predictions --jobs 8 --minutes 240 \
        --partition cpu --set num_workers=4

Each job takes its share of the images and writes into the one folder; in the end their rows are one `results.csv`. Run
again, it goes on with the images that have no rows yet. Where there is no Slurm the jobs run on this machine.
"""

import sys
from pathlib import Path
from typing import Annotated

import submitit
import typer

from monai_rescunet.core.bundle_root import bundle_root


def main(
    dataset_dir: Path,
    datalist: Path,
    out: Path,
    jobs: int = 4,
    set_: Annotated[list[str] | None, typer.Option("--set", help="name=value of inference.yaml")] = None,
    minutes: int = 60,
    gpus: int = 0,
    cpus: int = 4,
    partition: str | None = None,
) -> None:
    """Submit a job for each share of the images, wait for all of them, and make one table of their rows."""
    configs = bundle_root() / "configs"
    given = {"bundle_root": bundle_root(), "dataset_dir": dataset_dir, "datalist": datalist, "output_dir": out}
    settings = [f"--{text}" for text in (*(f"{name}={value}" for name, value in given.items()), *(set_ or []))]
    command = [
        sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", f"--config_file={configs / 'inference.yaml'}",
        f"--meta_file={configs / 'metadata.json'}", f"--logging_file={configs / 'logging.conf'}", *settings,
        "--resume=true",
    ]  # fmt: skip
    cluster = submitit.AutoExecutor(folder=out / "jobs")
    cluster.update_parameters(name="inference", timeout_min=minutes, gpus_per_node=gpus, cpus_per_task=cpus)
    cluster.update_parameters(slurm_partition=partition)
    with cluster.batch():
        submitted = [
            cluster.submit(submitit.helpers.CommandFunction([*command, f"--share=[{number},{jobs}]"], verbose=False))
            for number in range(jobs)
        ]
    failed = [job.job_id for job in submitted if job.exception() is not None]
    print(f"{jobs - len(failed)} of {jobs} jobs are finished; logs are in {out / 'jobs'}")
    submitit.helpers.CommandFunction(command)()  # brings the rows together, and does what no job did
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    typer.run(main)
