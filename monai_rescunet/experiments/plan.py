"""How large a cross-validation is and how long it takes, told before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from ignite.engine import Engine, Events
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from monai_rescunet.experiments.experiment import Experiment, Run

__all__ = ["Cost", "RunPlan", "make_plan", "plan_table"]

ENOUGH_SECONDS = 10.0  # a step that takes longer is measured once
STEPS = 4  # the first warms up


class Cost(NamedTuple):
    """What one image costs a network.

    Attributes:
        parameters: number of them.
        multiply_adds: of a forward pass.
        seconds: of a training step, reading and augmentation included, over the batch's images.
    """

    parameters: int
    multiply_adds: int
    seconds: float


class RunPlan(NamedTuple):
    """One run before it starts.

    Attributes:
        run: the run.
        cost: of an image.
        training_images: of an epoch.
        epochs: number of them.
        judged_images: in validations, in the final evaluation and for the thresholds.
        passes: forward passes a judged image takes.
    """

    run: Run
    cost: Cost
    training_images: int
    epochs: int
    judged_images: int
    passes: int

    @property
    def seconds(self) -> float:
        """Estimated time; a forward pass is a third of a training step."""
        trained = self.training_images * self.epochs
        return self.cost.seconds * (trained + self.judged_images * self.passes / 3)

    @property
    def multiply_adds(self) -> float:
        """Of the whole run; a training step takes three forward passes."""
        trained = self.training_images * self.epochs
        return self.cost.multiply_adds * (3.0 * trained + self.judged_images * self.passes)


def make_plan(experiment: Experiment, runs: Sequence[Run]) -> list[RunPlan]:
    """Return what the runs will do, with the cost of each network measured on its first steps.

    Args:
        experiment: the cross-validation.
        runs: those of it that are still to be done.
    """
    costs: dict[str, Cost] = {}
    plans = []
    for run in runs:
        if run.network not in costs:
            costs[run.network] = measure(experiment, run)
        parser = experiment.parser(run)
        training, held_out = parser.get_parsed_content("split")
        epochs = parser["max_epochs"]
        judged = len(held_out) * (epochs // parser["val_interval"] + 1) + len(training)
        plans.append(
            RunPlan(
                run=run,
                cost=costs[run.network],
                training_images=len(parser.get_parsed_content("training_entries")),
                epochs=epochs,
                judged_images=judged,
                passes=4 if parser["test_time_flips"] else 1,
            )
        )
    return plans


def measure(experiment: Experiment, run: Run) -> Cost:
    """Return what an image costs, from a few steps of the run's own trainer on its own data."""
    parser = experiment.parser(run)
    parser.update(
        {
            "train#dataset#data": "$@training_entries[:@batch_size]",
            "max_epochs": STEPS,
            "train#handlers": [],
        }
    )
    trainer = parser.get_parsed_content("train#trainer")
    model = parser.get_parsed_content("model")
    times = [time.perf_counter()]

    def stop_when_enough(engine: Engine) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter())
        if times[-1] - times[0] > ENOUGH_SECONDS:
            engine.terminate()

    trainer.add_event_handler(Events.ITERATION_COMPLETED, stop_when_enough)
    trainer.run()
    steps = [after - before for before, after in pairwise(times)]
    side = parser["roi_size"]
    image = torch.zeros(1, 1, side, side, device=next(model.parameters()).device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(image)
    return Cost(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        multiply_adds=counter.get_total_flops() // 2,
        seconds=min(steps) / len(parser.get_parsed_content("train#dataset")),
    )


def plan_table(plans: Sequence[RunPlan]) -> Table:
    """Return the plan as a table, a row a network."""
    table = Table("network", "runs", "images", "epochs", "M", "G", "T", "ms", "time", title=f"{len(plans)} runs to do")
    for network in dict.fromkeys(plan.run.network for plan in plans):
        own = [plan for plan in plans if plan.run.network == network]
        images = sorted({plan.training_images for plan in own})
        table.add_row(
            network,
            str(len(own)),
            str(images[0]) if len(images) == 1 else f"{images[0]}-{images[-1]}",
            str(own[0].epochs),
            f"{own[0].cost.parameters / 1e6:.2f}",
            f"{own[0].cost.multiply_adds / 1e9:.2f}",
            f"{sum(plan.multiply_adds for plan in own) / 1e12:.1f}",
            f"{1000 * own[0].cost.seconds:.0f}",
            duration(sum(plan.seconds for plan in own)),
        )
    table.caption = (
        f"about {duration(sum(plan.seconds for plan in plans))} on this machine, if nothing else runs on it; "
        "images of an epoch; M: million parameters; G: 10^9 multiply-adds an image; T: 10^12 of all runs; "
        "ms: an image in training"
    )
    return table


def duration(seconds: float) -> str:
    """Return a time as a person says it.

    Example:
        >>> duration(5400)
        '1 h 30 min'
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
