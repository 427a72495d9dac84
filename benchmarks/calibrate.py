"""Calibrate a model on out-of-fold answers: `otsu_levels` for the configs, and the probability of its scores.

    python benchmarks/calibrate.py DATASET_DIR DATALIST RUNS CHECKPOINT

RUNS holds `fold_N/model.pt`, networks trained as CHECKPOINT was but without fold N, which judge fold N here.

A network that is unsure of the outline answers darker than the annotation, whose levels are 128 and 255. `otsu_levels`
are both times the one factor for which the decisions are right most often, each class counting half. The accuracy
printed is nested: each fold is decided with the factor that is best on the other folds. The probability is Platt's,
written to `<CHECKPOINT>_calibration.json`; its reliability, nested likewise, is drawn in `reliability.png` in RUNS.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from sklearn.calibration import calibration_curve
from sklearn.metrics import balanced_accuracy_score, brier_score_loss
from torch import Tensor

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.core.files import relative_name
from monai_rescunet.decisions.calibration import fit_calibration, save_calibration
from monai_rescunet.transforms import ModifiedOtsu

mpl.use("Agg")
FACTORS = np.linspace(0.70, 1.00, 31)


class Answers(NamedTuple):
    maps: Tensor
    malignant: np.ndarray
    collections: list[str]
    settings: dict[str, Any]


def out_of_fold(dataset_dir: str, datalist: str, checkpoint: Path, fold: int) -> Answers:
    """Return the maps M of the regions of interest of a fold."""
    configs = bundle_root() / "configs"
    parser = ConfigParser(ConfigParser.load_config_files([str(configs / f"{n}.yaml") for n in ("train", "evaluate")]))
    parser.update({"dataset_dir": dataset_dir, "datalist": datalist, "fold": fold, "checkpoint": str(checkpoint)})
    parser.update({"validate#handlers": [parser["validate#handlers"][0]], "validate#dataset#cache_rate": 0.0})
    evaluator = parser.get_parsed_content("validate#evaluator")
    maps, malignant, collections = [], [], []

    def keep(engine: Engine) -> None:
        (entry,), (output,) = engine.state.batch, engine.state.output
        maps.append(output["pred"].as_tensor())
        malignant.append(entry["class"] == "malignant")
        name = relative_name(entry["image"].meta["filename_or_obj"], dataset_dir)
        collections.append(Path(name).parts[0])

    evaluator.add_event_handler(Events.ITERATION_COMPLETED, keep)
    evaluator.run()
    return Answers(torch.stack(maps), np.array(malignant), collections, parser.get_parsed_content("scored"))


def levels(factor: float) -> tuple[int, int]:
    return round(factor * 127.5), round(factor * 255)


def main(dataset_dir: str, datalist: str, runs: str, checkpoint: str) -> None:
    folders = sorted(Path(runs).glob("fold_[0-9]"))
    if not folders:
        raise SystemExit(
            f"{runs}: has no folders fold_0, fold_1, ...; expected a training with --fold 0, 1, ... in each"
        )
    table = []
    for number, folder in enumerate(folders):
        answers = out_of_fold(dataset_dir, datalist, folder / "model.pt", int(folder.name.removeprefix("fold_")))
        decisions = {f: ModifiedOtsu(levels=levels(f))(answers.maps).decision for f in FACTORS}
        answer = ModifiedOtsu()(answers.maps)
        for index, truth in enumerate(answers.malignant):
            row = {"fold": number, "collection": answers.collections[index], "malignant": truth}
            row |= {"found": bool(answer.lesion_found[index]), "score": float(answer.score[index])}
            table.append(row | {f: decisions[f][index] == MALIGNANT for f in FACTORS})
    masses = pd.DataFrame(table)

    def best(subset: pd.DataFrame) -> float:
        right = {f: balanced_accuracy_score(subset.malignant, subset[f]) for f in FACTORS}
        top = [f for f, value in right.items() if value == max(right.values())]
        return top[len(top) // 2]

    masses["decided"] = False
    found = masses[masses.found].copy()  # no probability is told of the others
    for fold in masses.fold.unique():
        own = masses.fold == fold
        masses.loc[own, "decided"] = masses.loc[own, best(masses[~own])].astype(bool)
        own, others = found.fold == fold, found[found.fold != fold]
        nested = fit_calibration(others.score, others.malignant, checkpoint, answers.settings)
        found.loc[own, "probability"] = found.loc[own, "score"].map(nested)
    for collection, group in masses.groupby("collection"):
        told = found[found.collection == collection]
        accuracy = (group.decided == group.malignant).mean()
        majority = max(group.malignant.mean(), 1 - group.malignant.mean())
        brier = brier_score_loss(told.malignant, told.probability)
        constant = told.malignant.mean() * (1 - told.malignant.mean())
        print(
            f"{collection}: {len(told)} of {len(group)} found, accuracy {accuracy:.3f} (majority {majority:.3f}), "
            f"sensitivity {group[group.malignant].decided.mean():.3f}, "
            f"specificity {1 - group[~group.malignant].decided.mean():.3f}, "
            f"Brier score {brier:.3f} (constant {constant:.3f})"
        )
    print(f"otsu_levels: {list(levels(best(masses)))}")
    calibration = fit_calibration(found.score, found.malignant, checkpoint, answers.settings)
    print(f"{calibration} -> {save_calibration(calibration, checkpoint)}")
    plot_reliability(found, Path(runs) / "reliability.png")


def plot_reliability(masses: pd.DataFrame, path: Path) -> None:
    from matplotlib import pyplot as plt

    observed, told = calibration_curve(masses.malignant, masses.probability, n_bins=8, strategy="quantile")
    figure, axes = plt.subplots(figsize=(4.2, 4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot(told, observed, "o-")
    axes.set(xlabel="probability of malignancy told", ylabel="share of malignant masses", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
