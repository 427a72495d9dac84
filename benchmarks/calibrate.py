"""Fit what goes beside the shipped weights on out-of-fold answers: `otsu_levels`, the probability, what is unusual.

    python benchmarks/scanner.py DATASET_DIR DATALIST OUT --runs RUNS
    python benchmarks/calibrate.py OUT CHECKPOINT [DATASET_DIR DATALIST FOLD]

OUT has the answers of networks to masses that they have not seen, of all collections, under all changes of the picture
(`maps.npz`); CHECKPOINT was trained as they were, or is one of them.

`otsu_levels` are both times the one factor of the annotation's levels, 128 and 255, for which decisions have the best
balanced accuracy, the mean over collections, without a change and under each of those that are mild: so they lean to
neither class, and a new scanner does not tip them. What is printed is nested by case, in ten parts. The probability is
Platt's, on the same answers, with classes and collections alike, so that it is that where half of the masses are
malignant; it is written to `<CHECKPOINT>_calibration.json` and its reliability drawn in `reliability.png` in OUT.

With the last three arguments, the masses of a datalist that CHECKPOINT was trained on (all but those of FOLD, which may
be `none`), it also fits which pictures are unlike them: `<CHECKPOINT>_unlike.npz`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.calibration import fit_calibration, save_calibration
from monai_rescunet.decisions.changes import CHANGES
from monai_rescunet.decisions.levels import FACTORS, balanced_accuracy, best_factor, decisions, levels, rates
from monai_rescunet.decisions.unlike import fit_unlikeness, save_unlikeness
from monai_rescunet.inference.answers import answers
from monai_rescunet.inference.site import plot_reliability
from monai_rescunet.transforms import ModifiedOtsu

PARTS = 10
FITTED_ON = [change.name for change in CHANGES if change.mild or change.name == "none"]


def read(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a row a mass and change, and whether it is called malignant at each factor."""
    kept = np.load(path)
    rows, called = [], []
    for name in FITTED_ON:
        maps = torch.from_numpy(kept[f"M {name}"].astype(np.float32) / 255)
        result = ModifiedOtsu()(maps)
        row = pd.DataFrame({key: kept[key] for key in ("case", "collection")})
        row["malignant"], row["change"] = kept["class"] == MALIGNANT, name
        row["score"], row["found"] = result.score.numpy(), result.lesion_found.numpy()
        rows.append(row)
        called.append(decisions(maps))
    return pd.concat(rows, ignore_index=True), np.concatenate(called)


def main(out: str, checkpoint: str, *trained_on: str) -> None:
    masses, called = read(Path(out) / "maps.npz")
    settings = json.loads(str(np.load(Path(out) / "maps.npz")["settings"]))
    truth, cases = masses.malignant.to_numpy(), masses.case.to_numpy()
    groups = (masses.collection + " " + masses.change).to_numpy()
    masses["after"], masses["told_after"] = False, np.nan
    parts = StratifiedGroupKFold(PARTS, shuffle=True, random_state=0)
    for others, own in parts.split(truth, truth, cases):
        factor = best_factor(called[others], truth[others], groups[others], cases[others])
        found = others[masses.found.to_numpy()[others]]
        fitted = fit_calibration(masses.score[found], truth[found], checkpoint, settings, groups[found])
        masses.loc[own, "after"] = called[own, np.abs(FACTORS - factor).argmin()]
        masses.loc[own, "told_after"] = [fitted(score) for score in masses.score.to_numpy()[own]]
    masses.loc[~masses.found, "told_after"] = np.nan
    before = called[:, np.abs(FACTORS - 1.0).argmin()]
    for (collection, change), group in masses.groupby(["collection", "change"], sort=False):
        sensitivity, specificity = rates(group.after, group.malignant)
        old = rates(before[group.index], group.malignant)
        told = group[group.told_after.notna()]
        print(
            f"{collection}, {change}: {len(group)} masses, AUC {roc_auc_score(group.malignant, group.score):.3f}, "
            f"sensitivity {sensitivity:.3f}, specificity {specificity:.3f} (with [128, 255] {old[0]:.3f}, {old[1]:.3f})"
            f", Brier score {brier_score_loss(told.malignant, told.told_after):.3f}"
        )
    curve = balanced_accuracy(called, truth, groups)
    factor = best_factor(called, truth, groups, cases)
    print("balanced accuracy by factor: " + ", ".join(f"{f:.2f} {a:.3f}" for f, a in zip(FACTORS, curve, strict=True)))
    print(f"otsu_levels: {list(levels(factor))} (factor {factor})")
    found = masses[masses.found]
    calibration = fit_calibration(found.score, found.malignant, checkpoint, settings, groups[masses.found])
    print(f"{calibration} -> {save_calibration(calibration, checkpoint)}")
    print(f"wrote {plot_reliability(masses[masses.change == 'none'], Path(out) / 'reliability.png')}")
    if trained_on:
        dataset_dir, datalist, fold = trained_on
        unusual(dataset_dir, datalist, fold, checkpoint, Path(out))


def unusual(dataset_dir: str, datalist: str, fold: str, checkpoint: str, out: Path) -> None:
    """Fit and write what is unusual, and tell how often it is said of masses that were not trained on."""
    entries = json.loads(Path(datalist).read_text(encoding="utf-8"))["training"]
    known = [entry for entry in entries if str(entry.get("fold")) != fold]
    (out / "trained_on.json").write_text(json.dumps({"training": known}), encoding="utf-8")
    found = answers(dataset_dir, out / "trained_on.json", checkpoint)
    cases = [str(entry["case"]) for entry in found.entries]
    unlikeness = fit_unlikeness(found.features["none"], cases, checkpoint, found.pictured)
    print(f"{len(cases)} masses -> {save_unlikeness(unlikeness, checkpoint)}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
