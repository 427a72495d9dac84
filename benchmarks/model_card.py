"""The figures of the model's page: cross-validation through the bundle's inference, on whole images.

    python benchmarks/model_card.py DATASET_DIR DATALIST RUNS [NAME=RUNS ...]

RUNS holds `fold_N/model.pt`, each of which judges fold N. Other networks, trained in the same way with
`benchmarks/peers/NAME.yaml` laid over the config, are judged beside it, and the differences are paired.

Exact boxes are those of the masks, jittered ones are off by 10 % (standard deviation) of their side at each edge. Dice
is that of the whole image. The AUC is the mean over folds, since the scores of different networks share no scale. The
forest classifies shape and texture of the predicted outline. Intervals are 95 % bootstrap intervals over cases. Rows by
size, density, view, shape and margin need the columns of these names in each collection's `labels.csv`; `border` tells
whether the mask reaches the picture's border.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import trivial_answers
from monai.bundle import ConfigParser, ConfigWorkflow
from monai.transforms import LoadImage
from rich.console import Console
from rich.table import Table
from shape_and_texture import features, forest_auc
from sklearn.metrics import roc_auc_score

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.files import relative_name
from monai_rescunet.data import MammogramReader, read_datalist

GROUPS = ("shape", "margins", "density", "view", "size", "border")
BOXES = {"exact": 0.0, "jittered": 0.1}
PEERS = Path(__file__).with_name("peers")
OURS = "ours"
RESAMPLINGS = 1000


def peer(name: str) -> dict[str, Any]:
    """Return the values of a peer's config that inference has; its deepest module is for training alone."""
    said = ConfigParser.load_config_file(str(PEERS / f"{name}.yaml"))
    return {key: said[key] for key in ("network_def", "features")}


def judged(
    dataset_dir: str, datalist: str, runs: Path, box_jitter: float, network: Mapping[str, Any] | None = None
) -> pd.DataFrame:
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
            **{"results#keep_masks": True},
            **(network or {}),
        )
        workflow.initialize()
        workflow.run()
        results = workflow.parser.get_parsed_content("results")
        for found in results.found:
            image = np.asarray(LoadImage(reader=MammogramReader)(found.path))
            rows += [row | features(image, outline.whole(found.canvas.size)) for row, outline in found.masses()]
    entries = pd.DataFrame(read_datalist(datalist, dataset_dir))
    entries["image"] = [relative_name(path, dataset_dir) for path in entries["image"]]
    table = pd.DataFrame(rows).merge(entries[["image", "mass", "class", "case", "fold", "collection", "label"]])
    table["score"] = table.score.fillna(0).astype(float)
    return table


def auc(table: pd.DataFrame, score: str = "score") -> float:
    """Return the mean over the folds that have both classes."""
    folds = [group for _, group in table.groupby("fold") if group["class"].nunique() == 2]
    values = [roc_auc_score(group["class"] == "malignant", group[score]) for group in folds]
    return float(np.mean(values)) if values else float("nan")


def interval(table: pd.DataFrame, figure: Callable[[pd.DataFrame], float]) -> str:
    """Return a figure with its bootstrap interval over cases."""
    rng = np.random.default_rng(0)
    cases = list(table.groupby("case").indices.values())
    drawn = [
        figure(table.iloc[np.concatenate([cases[i] for i in rng.integers(len(cases), size=len(cases))])])
        for _ in range(RESAMPLINGS)
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{figure(table):.3f} ({low:.3f} to {high:.3f})"


def beside(own: pd.DataFrame, other: pd.DataFrame) -> tuple[str, str]:
    """Return by how much a network's Dice and AUC are above another's, with paired intervals."""
    both = own.merge(other[["image", "mass", "dice", "score"]], on=["image", "mass"], suffixes=("", "_other"))
    return (
        interval(both, lambda masses: float((masses.dice - masses.dice_other).mean())),
        interval(both, lambda masses: auc(masses) - auc(masses, "score_other")),
    )


def border(path: str) -> str:
    """Return whether a mask is cut off by its picture's border."""
    mask = np.asarray(LoadImage(reader=MammogramReader)(path))
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    return "reached" if any(edge.any() for edge in edges) else "free"


def described(table: pd.DataFrame, dataset_dir: str) -> pd.DataFrame:
    """Return the table with what the collections' own tables say of their masses, and their masks of the border."""
    known = []
    for collection in table.collection.unique():
        labels = pd.read_csv(Path(dataset_dir) / collection / "labels.csv")
        labels["image"] = collection + "/" + labels["image"]
        if "crop_side_px" in labels:
            labels["size"] = pd.qcut(labels["crop_side_px"], 3, labels=["small", "medium", "large"]).astype(str)
        known.append(labels[["image", *[name for name in GROUPS if name in labels]]])
    return table.merge(pd.concat(known), on="image", how="left").assign(border=table.label.map(border))


def networks(dataset_dir: str, datalist: str, runs: dict[str, Path]) -> tuple[Table, pd.DataFrame]:
    """Return the table of all networks, and the first one's masses with exact boxes."""
    summary = Table("network", "collection", "boxes", "Dice", "AUC", "forest's AUC", "Dice above", "AUC above")
    first: dict[str, pd.DataFrame] = {}
    for (name, folder), (boxes, jitter) in product(runs.items(), BOXES.items()):
        table = judged(dataset_dir, datalist, folder, jitter, None if name == OURS else peer(name))
        table.to_csv(folder / f"{boxes}.csv", index=False)
        own = first.setdefault(boxes, table)
        for collection, group in table.groupby("collection"):
            paired = ("", "") if own is table else beside(own[own.collection == collection], group)
            dice = interval(group, lambda masses: masses.dice.mean())
            summary.add_row(
                name, collection, boxes, dice, interval(group, auc), f"{forest_auc(group):.3f}", *paired
            )  # fmt: skip
    return summary, first["exact"]


def main(dataset_dir: str, datalist: str, runs: str, *others: str) -> None:
    console = Console(width=180)
    named = {OURS: Path(runs)} | {name: Path(folder) for name, _, folder in (other.partition("=") for other in others)}
    summary, exact = networks(dataset_dir, datalist, named)
    console.print(summary)
    for boxes, jitter in BOXES.items():
        console.print(f"answers that look at no pixel, {boxes} boxes")
        trivial_answers.main(dataset_dir, datalist, jitter)
    exact = described(exact, dataset_dir)
    details = Table("collection", "masses with", "", "masses", "malignant", "Dice", "AUC")
    for name in (name for name in GROUPS if name in exact):
        for (collection, value), group in exact.groupby(["collection", name]):
            if len(group) >= 40:
                malignant = f"{(group['class'] == 'malignant').mean():.2f}"
                figures = (f"{group.dice.mean():.3f}", f"{auc(group):.3f}")
                details.add_row(collection, name, str(value), str(len(group)), malignant, *figures)
    console.print(details)


if __name__ == "__main__":
    main(*sys.argv[1:])
