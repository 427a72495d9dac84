"""Fit which pictures are unlike the masses that a network was trained on: `<CHECKPOINT>_unlike.npz`.

    python benchmarks/fit_unlike.py CHECKPOINT DATASET_DIR DATALIST FOLD [--folds RUNS]

CHECKPOINT was trained on the masses of DATALIST but those of FOLD. With FOLD `none` none is left that it has not seen,
and RUNS has networks that were trained as it was but for a fold each, `fold_N/model.pt`: their distances to the masses
of their folds are the scale.

What looks like masses and is none are phantoms, and the masses inverted.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.result_names import MOST_USUAL
from monai_rescunet.data import make_phantoms
from monai_rescunet.decisions.changes import CHANGES, Change
from monai_rescunet.decisions.unlike import Described, fit_scale, fit_unlikeness, save_unlikeness
from monai_rescunet.inference.answers import answers

PLAIN, INVERTED = CHANGES[0], Change("inverted", lambda region: 1 - region)
PHANTOM_SIDES = (300, 500, 1000)
PHANTOMS = 240  # of each side


class Looked(NamedTuple):
    """What a network says of the masses, the collections of those that it has not seen, what its input depends on."""

    described: Described
    collections: list[str]
    pictured: dict[str, Any]


def look(masses: tuple[str, Path], phantoms: tuple[Path, Path], checkpoint: Path, fold: str) -> Looked:
    """Describe masses, these inverted, and phantoms, each given as folder and datalist; those of `fold` are unseen."""
    found = answers(*masses, checkpoint, changes=[PLAIN, INVERTED], fold="all", amp=True)
    drawn = answers(*phantoms, checkpoint, fold="all", amp=True)
    unseen = np.array([str(entry.get("fold")) == fold for entry in found.entries])
    collections = [str(entry.get("collection")) for entry in found.entries if str(entry.get("fold")) == fold]
    features, inverted = (found.features[change.name].numpy() for change in (PLAIN, INVERTED))
    odd = np.concatenate([inverted[~unseen], drawn.features[PLAIN.name].numpy()])
    return Looked(Described(features[~unseen], odd, features[unseen]), collections, found.pictured)


def draw_phantoms(folder: Path) -> Path:
    """Write phantoms of several sizes to a folder, and return their datalist."""
    entries = [
        {
            "image": f"{side}/{made['image']}",
            "box": made["box"],
            "class": made["label"],
            "case": made["case"],
            "mass": 0,
        }
        for side in PHANTOM_SIDES
        for made in make_phantoms(folder / str(side), count=PHANTOMS, size=(side, side), seed=side)
    ]
    path = folder / "datalist.json"
    path.write_text(json.dumps({"training": entries}), encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("dataset_dir")
    parser.add_argument("datalist", type=Path)
    parser.add_argument("fold")
    parser.add_argument("--folds", type=Path, metavar="RUNS")
    arguments = parser.parse_args()
    masses = arguments.dataset_dir, arguments.datalist
    with TemporaryDirectory() as folder:
        phantoms = Path(folder), draw_phantoms(Path(folder))
        own = look(masses, phantoms, arguments.checkpoint, arguments.fold)
        judges = [own]
        if arguments.folds:
            runs = sorted(arguments.folds.glob("fold_[0-9]"))
            judges = [look(masses, phantoms, run / "model.pt", run.name[-1]) for run in runs]
    scale, shares = fit_scale(judge.described for judge in judges)
    collections = [collection for judge in judges for collection in judge.collections]
    unseen = pd.DataFrame({"flagged": shares > MOST_USUAL, "collection": collections})
    for collection, group in unseen.groupby("collection"):
        print(f"{collection}: {len(group)} masses that a network has not seen, {group.flagged.mean():.3f} flagged")
    unlikeness = fit_unlikeness(own.described, scale, arguments.checkpoint, own.pictured)
    print(f"{len(own.described.trained)} masses -> {save_unlikeness(unlikeness, arguments.checkpoint)}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
