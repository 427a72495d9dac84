"""Fit what goes beside the shipped weights on out-of-fold answers: `otsu_levels` and the probability.

    python benchmarks/scanner.py DATASET_DIR DATALIST OUT --runs RUNS
    python benchmarks/calibrate.py CHECKPOINT OUT [OUT ...]

Each OUT has the answers of networks to masses that they have not seen, under all changes of the picture (`maps.npz`):
of all collections by folds, say, and of one collection by a network that was trained without it. CHECKPOINT was trained
as they were, or is one of them.

`otsu_levels` are both times the one factor of the annotation's levels, 128 and 255, for which decisions have the best
balanced accuracy, the mean over the collections of each OUT, without a change and under each of those that are mild: so
they lean to neither class, and a new scanner does not tip them. What is printed is nested by case, in ten parts. The
probability is Platt's, on the same answers, with classes and collections alike, so that it is that where half of the
masses are malignant; it is written to `<CHECKPOINT>_calibration.json` and its reliability drawn in `reliability.png` in
the first OUT.
"""

from __future__ import annotations

import argparse
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
from monai_rescunet.inference.site import plot_reliability
from monai_rescunet.transforms import ModifiedOtsu

PARTS = 10
FITTED_ON = [change.name for change in CHANGES if change.mild or change.name == "none"]


def read(out: Path) -> tuple[pd.DataFrame, np.ndarray, dict[str, object]]:
    """Return a row a mass and change, whether it is called malignant at each factor, and what scores depend on."""
    kept = np.load(out / "maps.npz")
    rows, called = [], []
    settings = json.loads(str(kept["settings"]))
    share = settings["malignant_share"]
    for name in FITTED_ON:
        maps = torch.from_numpy(kept[f"M {name}"].astype(np.float32) / 255)
        result = ModifiedOtsu(malignant_share=share)(maps)
        row = pd.DataFrame({key: kept[key] for key in ("case", "collection")})
        row["malignant"], row["change"], row["judged"] = kept["class"] == MALIGNANT, name, str(out)
        row["score"], row["found"] = result.score.numpy(), result.lesion_found.numpy()
        rows.append(row)
        called.append(decisions(maps, malignant_share=share))
    return pd.concat(rows, ignore_index=True), np.concatenate(called), settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out", type=Path, nargs="+")
    arguments = parser.parse_args()
    checkpoint = arguments.checkpoint
    tables, parts_called, settings_of = zip(*(read(out) for out in arguments.out), strict=True)
    if any(settings != settings_of[0] for settings in settings_of):
        raise InputError(f"the answers are of different settings, {' and '.join(map(str, settings_of))}; judge anew")
    masses, called = pd.concat(tables, ignore_index=True), np.concatenate(parts_called)
    settings = settings_of[0]
    truth, cases = masses.malignant.to_numpy(), masses.case.to_numpy()
    groups = (masses.judged + " " + masses.collection + " " + masses.change).to_numpy()
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
    for (judged, collection, change), group in masses.groupby(["judged", "collection", "change"], sort=False):
        sensitivity, specificity = rates(group.after, group.malignant)
        old = rates(before[group.index], group.malignant)
        told = group[group.told_after.notna()]
        print(
            f"{judged}, {collection}, {change}: {len(group)} masses, "
            f"AUC {roc_auc_score(group.malignant, group.score):.3f}, "
            f"sensitivity {sensitivity:.3f}, specificity {specificity:.3f} "
            f"(with [128, 255] {old[0]:.3f}, {old[1]:.3f}), "
            f"Brier score {brier_score_loss(told.malignant, told.told_after):.3f}"
        )
    curve = balanced_accuracy(called, truth, groups)
    factor = best_factor(called, truth, groups, cases)
    print("balanced accuracy by factor: " + ", ".join(f"{f:.2f} {a:.3f}" for f, a in zip(FACTORS, curve, strict=True)))
    print(f"otsu_levels: {list(levels(factor))} (factor {factor})")
    found = masses[masses.found]
    calibration = fit_calibration(found.score, found.malignant, checkpoint, settings, groups[masses.found])
    print(f"{calibration} -> {save_calibration(calibration, checkpoint)}")
    picture = arguments.out[0] / "reliability.png"
    print(f"wrote {plot_reliability(masses[masses.change == 'none'], picture)}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
