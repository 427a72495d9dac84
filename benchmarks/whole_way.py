"""The whole way, from a mammogram to outlines and classes without a box, on patients that neither network has seen.

    python benchmarks/whole_way.py DATA --finder RUNS --masses RUNS --mass-datalist masses.json [--fold N] [--most N]

Of DATA's collections two have whole mammograms: `cesm_masses` (digital, full resolution, with masks) and `cbis_views`
(film of 800 rows, with boxes alone), whose stretched pictures are brought back to the scan's own ratio of width to
height before anything looks at them. RUNS is a folder of `fold_N/model.pt`, each of which judges the patients of its
fold, or a file of weights, which judges those of `--fold`. A patient's fold is told for the finder by `fold_of` of
finder_data.py, and for the network that outlines and classifies by its datalist, that of outlined_views.py: a patient
who is not in it was never trained on. The patients of the example mammograms are left out.

A mass is found if the centre of a finding lies in its box; the surest such finding is compared with it. A false finding
lies in no mass. Dice is that of the whole image, and so is that of the ellipse in the finding's box, its trivial
neighbour. The AUC ranks the found masses by their score, and is the mean over the folds of the classifying network,
since scores of different networks share no scale. Intervals of 95 % are drawn from patients. Seconds of CPU time are
those of `monai_rescunet.predict` from the file to the rows, the median over images, after one that warms it up.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from finder_data import TYPICAL_ASPECT, example_patients, fold_of
from model_card import auc, interval
from PIL import Image
from skimage.draw import ellipse

from monai_rescunet import predict
from monai_rescunet.core.classes import NO_FINDING
from monai_rescunet.decisions.froc import judge_image

CORNERS = ["x_min", "y_min", "x_max", "y_max"]
FOLDERS = {"cesm_masses": "labels.csv", "cbis_views": "masses.csv"}


class Weights:
    """Weights for each patient: of one file, or of a folder of folds.

    Args:
        path: `fold_N/model.pt` lie in it, or it is the file.
        folds: of patients; one who is not there was trained on by nobody.
        held_out: the fold that a single file has not seen; None takes it for all patients.
    """

    def __init__(self, path: Path, folds: dict[str, int], held_out: int | None) -> None:
        self.single, self.held_out, self.folds = path if path.is_file() else None, held_out, folds
        self.by_fold = {int(each.parent.name[5:]): each for each in sorted(path.glob("fold_[0-9]/model.pt"))}
        if self.single is None and not self.by_fold:
            raise SystemExit(f"{path}: is no file of weights and has no fold_N/model.pt; give either")

    def of(self, case: str) -> tuple[int, Path] | None:
        """Return weights that have not seen a patient, and their number, None where all have."""
        fold = self.folds.get(case, -1)
        if self.single is not None:
            return (0, self.single) if self.held_out in (None, fold) or fold == -1 else None
        if fold == -1:
            return next(iter(self.by_fold.items()))
        return (fold, self.by_fold[fold]) if fold in self.by_fold else None


def digital(folder: Path, rows: pd.DataFrame, scratch: Path) -> dict[str, Any]:
    """Return an image with the masks of its masses, `(masses, columns, rows)`."""
    masks = np.stack([np.asarray(Image.open(folder / mask)).T > 0 for mask in rows["mask"]])
    boxes = []
    for mask in masks:
        columns, lines = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        boxes.append([columns[0], lines[0], columns[-1] + 1, lines[-1] + 1])
    return {"path": folder / rows["image"].iloc[0], "masks": masks, "boxes": boxes}


def film(folder: Path, rows: pd.DataFrame, scratch: Path) -> dict[str, Any]:
    """Return an image with its true aspect, and its boxes in it."""
    known = rows[["width", "height"]].dropna()
    aspect = known["width"].iloc[0] / known["height"].iloc[0] if len(known) else TYPICAL_ASPECT
    stretched = Image.open(folder / rows["image"].iloc[0])
    width = round(stretched.height * aspect)
    path = scratch / f"{Path(rows['image'].iloc[0]).stem}.png"
    stretched.resize((width, stretched.height), Image.Resampling.LANCZOS).save(path)
    scale = np.asarray([width / stretched.width, 1, width / stretched.width, 1])
    return {"path": path, "masks": None, "boxes": (rows[CORNERS].to_numpy() * scale).tolist()}


def images(data: Path, collection: str, scratch: Path, finder: Weights, masses: Weights) -> Iterator[dict[str, Any]]:
    """Give the held-out images of a collection, those of the same weights one after the other."""
    table = pd.read_csv(data / collection / FOLDERS[collection])
    left_out = example_patients()
    chosen = []
    for _, rows in table.groupby("image"):
        case = rows["case"].iloc[0]
        pair = finder.of(case), masses.of(case)
        if case not in left_out and None not in pair:
            chosen.append((pair, case, rows))
    read = digital if collection == "cesm_masses" else film
    for ((_, finds), (fold, judges)), case, rows in sorted(chosen, key=lambda each: each[:2]):
        yield {
            "case": case, "fold": fold, "classes": rows["label"].fillna("").tolist(),
            "settings": {"finder_checkpoint": str(finds), "checkpoint": str(judges)},
        } | read(data / collection, rows, scratch)  # fmt: skip


def judged(image: dict[str, Any], found: Sequence[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """Return a row a mass, and one of the image, whose `mass` is -1."""
    found = [mass for mass in found if mass["decision"] != NO_FINDING]
    boxes = [[float(edge) for edge in mass["box"].split()] for mass in found]
    sure = [mass["found"] for mass in found]
    hits = judge_image(boxes, sure, image["boxes"])
    common = {key: image[key] for key in ("case", "fold")} | {"image": image["path"].name}
    rows = [common | {"mass": -1, "false": len(hits.false), "seconds": seconds}]
    for number, (box, kind) in enumerate(zip(image["boxes"], image["classes"], strict=True)):
        row = common | {"mass": number, "class": kind, "found": bool(np.isfinite(hits.masses[number]))}
        if row["found"]:
            # of the findings whose centre lies in the mass that of the confidence that the mass was hit with
            which = next(
                n for n in range(len(found))
                if sure[n] == hits.masses[number] and np.isfinite(judge_image([boxes[n]], [1.0], [box]).masses[0])
            )  # fmt: skip
            row |= {
                "iou": hits.iou[number],
                "score": found[which]["score"] or 0.0,
                "decision": found[which]["decision"],
            }
            if image["masks"] is not None:
                truth = image["masks"][number]
                row |= {
                    "dice": dice(found[which]["mask"], truth),
                    "ellipse": dice(inscribed(boxes[which], truth.shape), truth),
                }
        rows.append(row)
    return rows


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float((mask & truth).sum()) / float(mask.sum() + truth.sum())


def inscribed(box: Sequence[float], shape: tuple[int, ...]) -> np.ndarray:
    """Return the ellipse in a box, `(columns, rows)`."""
    mask = np.zeros(shape, dtype=bool)
    centre = (box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2
    mask[ellipse(*centre, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2, shape=shape)] = True
    return mask


def told(name: str, rows: pd.DataFrame) -> list[str]:
    """Return the row of a collection."""
    per_image, masses = rows[rows["mass"] < 0], rows[rows["mass"] >= 0]
    hits = masses[masses["found"].astype(bool)]
    classed = hits[hits["class"] != ""]
    malignant = masses[masses["class"] == "malignant"]

    def mean(table: pd.DataFrame, column: str) -> str:
        known = table.dropna(subset=[column]).astype({column: float})
        return interval(known, lambda drawn: float(drawn[column].mean())) if len(known) else ""

    figures = [
        mean(masses, "found"), mean(malignant, "found"), mean(per_image, "false"), mean(hits, "iou"),
        mean(hits, "dice") if "dice" in hits else "", mean(hits, "ellipse") if "ellipse" in hits else "",
        interval(classed, auc) if classed["class"].nunique() == 2 else "", f"{per_image['seconds'].median():.2f}",
    ]  # fmt: skip
    return [name, str(len(per_image)), str(rows["case"].nunique()), str(len(masses)), *figures]


COLUMNS = (
    "collection", "images", "patients", "masses", "masses found", "malignant masses found", "false findings an image",
    "IoU of boxes", "Dice of found masses", "ellipse in the finding's box", "AUC over found masses",
    "CPU seconds an image",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the collections")
    parser.add_argument("--finder", type=Path, required=True, help="weights, or a folder of fold_N/model.pt")
    parser.add_argument("--masses", type=Path, required=True, help="likewise, of the network that outlines")
    parser.add_argument("--mass-datalist", type=Path, help="what it was trained on, with its folds")
    parser.add_argument(
        "--fold", type=int, help="the fold that a file of weights has not seen; all patients if left out"
    )
    parser.add_argument("--find-threshold", type=float, help="that of inference.yaml if left out")
    parser.add_argument("--collections", nargs="+", choices=FOLDERS, default=list(FOLDERS))
    parser.add_argument("--most", type=int, help="images of a collection at most")
    parser.add_argument("--output", type=Path, help="CSV of a row a mass")
    arguments = parser.parse_args()
    tables = [pd.read_csv(arguments.data / name / file)["case"] for name, file in FOLDERS.items()]
    if arguments.masses.is_dir() and not arguments.mass_datalist:
        parser.error("--masses is a folder of folds: give --mass-datalist, which tells the patients of each")
    trained = json.loads(arguments.mass_datalist.read_text())["training"] if arguments.mass_datalist else []
    finder = Weights(arguments.finder, {case: fold_of(case) for case in pd.concat(tables).unique()}, arguments.fold)
    folds = {Path(entry["case"]).name: entry["fold"] for entry in trained}
    masses = Weights(arguments.masses, folds, arguments.fold if trained else None)
    chosen = {} if arguments.find_threshold is None else {"find_threshold": arguments.find_threshold}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for collection in arguments.collections:
            warm = None
            each = images(arguments.data, collection, Path(scratch), finder, masses)
            for image in list(each)[: arguments.most] if arguments.most else each:
                ask = partial(predict, image["path"], overlay=False, **image["settings"], **chosen)
                if warm != image["settings"]:
                    ask()
                    warm = image["settings"]
                start = time.process_time()
                found = ask()
                rows += [{"collection": collection} | row for row in judged(image, found, time.process_time() - start)]
    table = pd.DataFrame(rows)
    if arguments.output:
        table.to_csv(arguments.output, index=False)
    print(f"{torch.get_num_threads()} threads\n\n| {' | '.join(COLUMNS)} |\n| --- |{' ---: |' * (len(COLUMNS) - 1)}")
    for collection, group in table.groupby("collection", sort=False):
        print(f"| {' | '.join(told(str(collection), group))} |")


if __name__ == "__main__":
    main()
