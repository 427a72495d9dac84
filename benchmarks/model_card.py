"""The figures of the model's page: cross-validation through the bundle's inference, on whole images.

    python benchmarks/model_card.py DATASET_DIR DATALIST RUNS

RUNS holds `fold_N/model.pt`, each of which judges fold N. Exact boxes are those of the masks, jittered ones are off by
10 % (standard deviation) of their side at each edge. Dice is that of the whole image. The AUC is the mean over folds,
since the scores of different networks share no scale. Intervals are 95 % bootstrap intervals over cases. Rows by size,
density, view, shape and margin need the columns of these names in each collection's `labels.csv`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from monai.bundle import ConfigWorkflow
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from monai_rescunet.bundle_root import bundle_root
from monai_rescunet.data import read_datalist

GROUPS = ("shape", "margins", "density", "view", "size")
RESAMPLINGS = 1000


def judged(dataset_dir: str, datalist: str, runs: Path, box_jitter: float) -> pd.DataFrame:
    """Return a row a mass, judged by the network that has not seen its case."""
    rows = []
    for folder in sorted(runs.glob("fold_[0-9]")):
        workflow = ConfigWorkflow(
            config_file=str(bundle_root() / "configs" / "inference.yaml"),
            logging_file=False,
            workflow_type="inference",
            bundle_root=str(bundle_root()),
            dataset_dir=dataset_dir,
            datalist=datalist,
            fold=int(folder.name.removeprefix("fold_")),
            checkpoint=str(folder / "model.pt"),
            output_dir=None,
            box_jitter=box_jitter,
        )
        workflow.initialize()
        workflow.run()
        rows += workflow.parser.get_parsed_content("results").rows
    entries = pd.DataFrame(read_datalist(datalist, dataset_dir))
    entries["image"] = [Path(path).relative_to(Path(dataset_dir).resolve()).as_posix() for path in entries["image"]]
    table = pd.DataFrame(rows).merge(entries[["image", "mass", "class", "case", "fold"]], on=["image", "mass"])
    table["collection"] = table.image.str.split("/").str[0]
    return table


def auc(table: pd.DataFrame) -> float:
    """Return the mean over the folds that have both classes."""
    folds = [group for _, group in table.groupby("fold") if group["class"].nunique() == 2]
    values = [roc_auc_score(group["class"] == "malignant", group.score.fillna(0).astype(float)) for group in folds]
    return float(np.mean(values)) if values else float("nan")


def interval(table: pd.DataFrame, figure: Callable[[pd.DataFrame], float]) -> str:
    """Return a figure with its bootstrap interval over cases."""
    rng = np.random.default_rng(0)
    cases = [group for _, group in table.groupby("case")]
    drawn = [
        figure(pd.concat([cases[i] for i in rng.integers(len(cases), size=len(cases))])) for _ in range(RESAMPLINGS)
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{figure(table):.3f} ({low:.3f} to {high:.3f})"


def described(table: pd.DataFrame, dataset_dir: str) -> pd.DataFrame:
    """Return the table with what the collections' own tables say of their masses."""
    known = []
    for collection in table.collection.unique():
        labels = pd.read_csv(Path(dataset_dir) / collection / "labels.csv")
        labels["image"] = collection + "/" + labels["image"]
        if "crop_side_px" in labels:
            labels["size"] = pd.qcut(labels["crop_side_px"], 3, labels=["small", "medium", "large"]).astype(str)
        known.append(labels[["image", *[name for name in GROUPS if name in labels]]])
    return table.merge(pd.concat(known), on="image", how="left")


def main(dataset_dir: str, datalist: str, runs: str) -> None:
    console = Console(width=130)
    summary = Table("collection", "boxes", "masses", "Dice", "AUC", "no lesion")
    for boxes, jitter in (("exact", 0.0), ("jittered", 0.1)):
        table = judged(dataset_dir, datalist, Path(runs), jitter)
        table.to_csv(Path(runs) / f"{boxes}.csv", index=False)
        for collection, group in table.groupby("collection"):
            dice = interval(group, lambda masses: masses.dice.mean())
            missed = str((group.decision == "no lesion").sum())
            summary.add_row(collection, boxes, str(len(group)), dice, interval(group, auc), missed)
    console.print(summary)
    exact = described(pd.read_csv(Path(runs) / "exact.csv"), dataset_dir)
    details = Table("masses with", "", "masses", "malignant", "Dice", "AUC")
    for name in (name for name in GROUPS if name in exact):
        for value, group in exact.groupby(name):
            if len(group) >= 40:
                malignant = f"{(group['class'] == 'malignant').mean():.2f}"
                details.add_row(
                    name, str(value), str(len(group)), malignant, f"{group.dice.mean():.3f}", f"{auc(group):.3f}"
                )
    console.print(details)


if __name__ == "__main__":
    main(*sys.argv[1:])
