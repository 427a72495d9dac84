"""What the scanner does to the answer: the same masses under changes of tone, sharpness, noise and resolution.

    python benchmarks/scanner.py DATASET_DIR DATALIST OUT --checkpoint model.pt [--fold 0]
    python benchmarks/scanner.py DATASET_DIR DATALIST OUT --runs RUNS

RUNS holds `fold_N/model.pt`, each of which judges fold N; a checkpoint judges the fold that is named, by default all of
the datalist. A collection that a network was not trained on is judged in the same way: leave it out with `--fold none`
and a datalist that lacks it, then give a datalist that holds nothing else. OUT gets the maps M of all masses under all
changes, `maps.npz`, which another call for the same masses reads instead of running the networks, and `table.csv`.

`flips` is the share of masses whose decision is another one than without the change; `score, benign` and `score,
malignant` the median score of each class, `M` the mean absolute change of M inside the masks. `own cut` is the score
that, as a cut, has the best balanced accuracy in the collection, which nobody can know; `common cut` the one that is
best for all collections together, which count alike, and what it loses to the own cut. `unlike` is the share of masses
that `unlike_training` warns of, where the checkpoint has its measure beside it. Intervals are 95 % bootstrap
intervals over cases.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from monai.bundle import ConfigParser
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.core.files import relative_name
from monai_rescunet.core.result_names import MOST_USUAL
from monai_rescunet.decisions.changes import CHANGES
from monai_rescunet.decisions.levels import best_cut, rates
from monai_rescunet.decisions.unlike import Unlikeness, load_unlikeness
from monai_rescunet.inference.answers import answers
from monai_rescunet.transforms import ModifiedOtsu

RESAMPLINGS = 1000


def judged(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Return a row a mass: what the datalist says of it, its mask, and its map under each change, 0 to 255."""
    kept = arguments.out / "maps.npz"
    if kept.is_file():
        return dict(np.load(kept))
    folders = sorted(arguments.runs.glob("fold_[0-9]")) if arguments.runs else []
    networks = [(folder / "model.pt", int(folder.name[-1])) for folder in folders]
    parts: list[dict[str, Any]] = []
    for checkpoint, fold in networks or [(arguments.checkpoint, arguments.fold)]:
        found = answers(
            arguments.dataset_dir, arguments.datalist, checkpoint, changes=CHANGES, truth=True, fold=fold,
            amp=arguments.amp, most=arguments.most,
        )  # fmt: skip
        told = pd.DataFrame(found.entries).reindex(columns=["image", "mass", "class", "case", "collection"])
        told["image"] = [relative_name(path, arguments.dataset_dir) for path in told["image"]]
        told["collection"] = told["collection"].fillna(Path(arguments.dataset_dir).name)
        part = {name: told[name].to_numpy(dtype=str) for name in ("image", "class", "case", "collection")}
        part |= {"mass": told["mass"].to_numpy(), "fold": np.full(len(told), str(fold)), "truth": found.truth.numpy()}
        part |= {f"M {name}": (maps * 255).round().byte().numpy() for name, maps in found.maps.items()}
        parts.append(part | {f"features {name}": each.numpy() for name, each in found.features.items()})
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    together |= {"settings": np.array(json.dumps(found.settings)), "pictured": np.array(json.dumps(found.pictured))}
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(kept, **together)
    return together


def read_off(
    maps: dict[str, np.ndarray], levels: tuple[int, int], unlikeness: Unlikeness | None = None
) -> pd.DataFrame:
    """Return a row a mass and change: decision, score, Dice, how far M moved inside the mask, how unlike it is."""
    share = json.loads(str(maps["settings"]))["malignant_share"]
    truth, base = maps["truth"][:, 0], maps["M none"].astype(float)[:, 0]
    inside = np.maximum(truth.sum((1, 2)), 1)
    rows = []
    for change in CHANGES:
        m = maps[f"M {change.name}"]
        result = ModifiedOtsu(levels=levels, malignant_share=share)(torch.from_numpy(m.astype(np.float32) / 255))
        mask = (m[:, 0] > result.lambda1.numpy()[:, None, None]) & result.lesion_found.numpy()[:, None, None]
        row = pd.DataFrame({name: maps[name] for name in ("image", "mass", "class", "case", "collection")})
        row["change"], row["decision"] = change.name, result.decision
        row["score"] = np.where(result.lesion_found, result.score, 0.0)
        row["dice"] = 2 * (mask & truth).sum((1, 2)) / np.maximum(mask.sum((1, 2)) + truth.sum((1, 2)), 1)
        row["moved"] = (np.abs(m[:, 0] - base) * truth).sum((1, 2)) / inside / 255
        row["unlike"] = np.nan if unlikeness is None else unlikeness(maps[f"features {change.name}"]) > MOST_USUAL
        rows.append(row)
    return pd.concat(rows, ignore_index=True)


def figures(masses: pd.DataFrame) -> dict[str, float]:
    """Return the figures of one collection under one change; `before` is the decision without it."""
    malignant = masses["class"] == MALIGNANT
    sensitivity, specificity = rates(masses.decision == MALIGNANT, malignant)
    return {
        "flips": (masses.decision != masses.before).mean(),
        "score, benign": masses.score[~malignant].median(),
        "score, malignant": masses.score[malignant].median(),
        "M": masses.moved.mean(),
        "Dice": masses.dice.mean(),
        "AUC": roc_auc_score(malignant, masses.score),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "unlike": masses.unlike.mean(),
    }


def interval(masses: pd.DataFrame, name: str) -> str:
    """Return a figure with its bootstrap interval over cases."""
    rng, cases = np.random.default_rng(0), list(masses.groupby("case").indices.values())
    drawn = []
    for _ in range(RESAMPLINGS):
        some = masses.iloc[np.concatenate([cases[i] for i in rng.integers(len(cases), size=len(cases))])]
        if some["class"].nunique() == 2:
            drawn.append(figures(some)[name])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{figures(masses)[name]:.3f} ({low:.3f} to {high:.3f})"


def cuts(plain: pd.DataFrame) -> Table:
    """Return what one cut of the score for all collections costs each of them."""
    table = Table("collection", "own cut", "balanced accuracy", "common cut", "balanced accuracy", "lost")
    malignant = (plain["class"] == MALIGNANT).to_numpy()
    common, _ = best_cut(plain.score, malignant, plain.collection)
    for collection, masses in plain.groupby("collection"):
        truth = (masses["class"] == MALIGNANT).to_numpy()
        own, best = best_cut(masses.score, truth)
        there = sum(rates(masses.score.to_numpy() > common, truth)) / 2
        table.add_row(
            str(collection), f"{own:.3f}", f"{best:.3f}", f"{common:.3f}", f"{there:.3f}", f"{best - there:.3f}"
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset_dir")
    parser.add_argument("datalist")
    parser.add_argument("out", type=Path)
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--checkpoint", type=Path)
    network.add_argument("--runs", type=Path)
    parser.add_argument("--fold", default="all")
    shipped = ConfigParser.load_config_file(str(bundle_root() / "configs" / "inference.yaml"))["otsu_levels"]
    parser.add_argument("--levels", nargs=2, type=int, default=shipped, help="if left out, those of inference.yaml")
    parser.add_argument(
        "--amp", action="store_true", help="bfloat16: a third of the time, figures differ by some 0.005"
    )
    parser.add_argument("--most", type=int, help="masses of a collection, drawn by a seed")
    arguments = parser.parse_args()
    maps = judged(arguments)
    known = arguments.checkpoint and "pictured" in maps
    unlikeness = load_unlikeness(arguments.checkpoint, json.loads(str(maps["pictured"]))) if known else None
    masses = read_off(maps, tuple(arguments.levels), unlikeness)
    plain = masses[masses.change == "none"].reset_index(drop=True)
    masses["before"] = np.tile(plain.decision, len(CHANGES))
    rows = [
        {"collection": collection, "change": change.name, "mild": change.mild}
        | figures(masses[(masses.collection == collection) & (masses.change == change.name)])
        for collection in plain.collection.unique()
        for change in CHANGES
    ]
    found = pd.DataFrame(rows)
    found.to_csv(arguments.out / "table.csv", index=False, float_format="%.4f")
    console = Console(width=160)
    for collection, group in found.groupby("collection", sort=False):
        own = plain[plain.collection == collection].assign(before=lambda each: each.decision)
        table = Table("change", *list(group)[3:], title=f"{collection}, {len(own)} masses (* mild)")
        for row in group.to_dict("records"):
            numbers = [f"{row[name]:.3f}" for name in list(group)[3:]]
            table.add_row(row["change"] + (" *" if row["mild"] else ""), *numbers)
        console.print(table)
        for name in ("Dice", "AUC", "sensitivity", "specificity"):
            console.print(f"{collection}, unchanged: {name} {interval(own, name)}")
        mild = group[group.mild]
        shift = max((mild[name] - group[name].iloc[0]).abs().max() for name in ("score, benign", "score, malignant"))
        console.print(f"{collection}, mild changes: at most {mild.flips.max():.3f} flip, medians move by {shift:.3f}")
    console.print(cuts(plain))


if __name__ == "__main__":
    main()
