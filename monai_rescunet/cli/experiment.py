"""`experiment` and `report`: the paper's cross-validation, and its tables, figures and page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["experiment", "report"]


def experiment(
    dataset_dir: Annotated[Path, typer.Argument(help="Folder that the datalist's paths are relative to.")],
    datalist: Annotated[Path, typer.Argument(help="Written by `prepare`, with folds.")],
    out: Annotated[Path, typer.Option(help="Gets a folder a run.")],
    network: Annotated[
        list[str] | None, typer.Option(help="One of the paper's, or the path of a class; may be repeated. All five.")
    ] = None,
    supervision: Annotated[list[str] | None, typer.Option(help="binary or mixed; may be repeated. Both.")] = None,
    fold: Annotated[list[int] | None, typer.Option(help="Held out; may be repeated. All.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="name=value of train.yaml for every run; may be repeated.")
    ] = None,
    plan_only: Annotated[bool, typer.Option(help="Print the plan and stop.")] = False,
) -> None:
    """Cross-validate networks and supervisions by the paper's protocol.

    The same command goes on after an interruption; several at once, one a device, share the runs.
    """
    from monai_rescunet.experiments.experiment import SUPERVISIONS, Experiment, read_settings
    from monai_rescunet.experiments.plan import make_plan, plan_table
    from monai_rescunet.experiments.runs import claim_folder, do_runs, unfinished
    from monai_rescunet.networks import NETWORKS

    asked = Experiment(
        dataset_dir=dataset_dir,
        datalist=datalist,
        out=out,
        networks=network or tuple(NETWORKS),
        supervisions=supervision or SUPERVISIONS,
        folds=fold or (),
        settings=read_settings(set_ or []),
    )
    runs = unfinished(asked)
    console = Console()
    console.print(f"{len(asked.entries)} masses; {len(asked.runs) - len(runs)} of {len(asked.runs)} runs are finished")
    if runs:
        if not plan_only:
            claim_folder(asked)
        plans = make_plan(asked, runs)
        console.print(plan_table(plans))
        if plan_only:
            return
        left = do_runs(asked, plans)
        if left:
            console.print(f"left to other processes: {', '.join(run.name for run in left)}")
    console.print(f"results are in {out}; tables, figures and a page: monai-rescunet report {out}")


def report(
    results: Annotated[Path, typer.Argument(help="Folder that `experiment` wrote.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; RESULTS/report if left out.")] = None,
) -> None:
    """Turn the runs of an experiment into tables, figures and one page that opens offline."""
    from monai_rescunet.experiments.report import write_report

    page = write_report(results, out or results / "report")
    typer.echo(f"wrote {page}")
