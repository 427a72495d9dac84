"""Compare federated training with pooled training and with each hospital alone, on phantoms.

    python examples/federated/compare.py --out runs/federated --seeds 3

Three made-up hospitals differ in size and in how many of their masses are malignant. All networks are judged on the
same masses, which none of them saw. All are trained with the same number of updates, which the hospitals share in
federated training. Writes OUT/results.csv and prints the table of docs/federated.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from monai.bundle import run

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.classes import BENIGN, MALIGNANT
from monai_rescunet.data import make_phantoms, prepare_folder, write_datalist

HOSPITALS = {"a": (24, 8), "b": (4, 12), "c": (4, 4)}  # benign and malignant masses
HELD_OUT = 96
SETTINGS = {"features": [16, 32, 32, 32, 32], "roi_size": 64, "batch_size": 4, "learning_rate": 0.003, "amp": False}
FIGURES = {"Dice": ("segmentation", "dice"), "AUC": ("classification", "auc")}
CONFIGS = bundle_root() / "configs"


def phantoms_by_class(folder: Path, count: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Make phantoms and return the entries of each class."""
    make_phantoms(folder, count=count, size=(320, 280), seed=seed)
    entries = prepare_folder([folder], n_splits=2).entries
    return {name: [entry for entry in entries if entry["class"] == name] for name in (BENIGN, MALIGNANT)}


def write_hospitals(folder: Path, seed: int) -> dict[str, int]:
    """Write phantoms, a datalist for each hospital and one for all; return the number of masses in each."""
    most = max(sum(counts[i] for counts in HOSPITALS.values()) for i in (0, 1))
    left = phantoms_by_class(folder, 2 * most, seed)
    lists = {
        name: [left[group].pop() for group, count in zip(left, counts, strict=True) for _ in range(count)]
        for name, counts in HOSPITALS.items()
    }
    lists = {"pooled": [entry for entries in lists.values() for entry in entries], **lists}
    for name, entries in lists.items():
        write_datalist(folder / f"{name}.json", entries)
    return {name: len(entries) for name, entries in lists.items()}


def settings_of(data: Path, name: str, out: Path, seed: int) -> dict[str, Any]:
    """Return what a training on one of the datalists is told beside the recipe."""
    where = {"dataset_dir": str(data), "datalist": str(data / f"{name}.json"), "output_dir": str(out)}
    return {**SETTINGS, **where, "fold": "none", "averaging": 0, "seed": seed}


def train_federated(data: Path, out: Path, rounds: int, seed: int) -> None:
    """Train over the hospitals, each with chances of its own."""
    out.mkdir(parents=True)
    for number, name in enumerate(HOSPITALS):
        own = settings_of(data, name, out / name, seed * len(HOSPITALS) + number)
        (out / f"{name}.yaml").write_text(yaml.safe_dump(own))
    files = [str(out / f"{name}.yaml") for name in HOSPITALS]
    script = str(Path(__file__).with_name("simulate.py"))
    options = ["--rounds", str(rounds), "--out", str(out), "--seed", str(seed)]
    with (out / "log.txt").open("w") as log:
        subprocess.run([sys.executable, script, *files, *options], stdout=log, stderr=log, check=True)


def judge(model: Path, held_out: Path) -> dict[str, float]:
    """Return the figures of a network on the masses held out."""
    files = [str(CONFIGS / "train.yaml"), str(CONFIGS / "evaluate.yaml")]
    where = {"dataset_dir": str(held_out), "datalist": str(held_out / "datalist.json"), "fold": "all"}
    out = model.parent / "held_out"
    run(config_file=files, **{**SETTINGS, **where, "checkpoint": str(model), "output_dir": str(out)})
    metrics = json.loads((out / "metrics.json").read_text())
    return {name: metrics[group][key] for name, (group, key) in FIGURES.items()}


def compare(root: Path, held_out: Path, rounds: int, seed: int) -> list[dict[str, Any]]:
    """Train in every way with one seed's phantoms and chances; return the rows of the results."""
    data, out = root / f"data_{seed}", root / f"seed_{seed}"
    masses = write_hospitals(data, seed)
    trained = []
    for name in masses:
        epochs = rounds * masses["pooled"] // masses[name]
        run(config_file=str(CONFIGS / "train.yaml"), max_epochs=epochs, **settings_of(data, name, out / name, seed))
        trained.append((name, epochs * masses[name], out / name))
    train_federated(data, out / "federated", rounds, seed)
    trained.append(("federated", rounds * masses["pooled"], out / "federated"))
    return [
        {
            "trained on": name,
            "updates": seen // SETTINGS["batch_size"],
            "seed": seed,
            **judge(folder / "model.pt", held_out),
        }
        for name, seen, folder in trained
    ]


def table(results: pd.DataFrame) -> str:
    """Return the mean over the seeds, and the lowest and the highest, in Markdown."""
    lines = ["| trained on | updates | " + " | ".join(FIGURES) + " |", "| --- " * (2 + len(FIGURES)) + "|"]
    for (name, updates), rows in results.groupby(["trained on", "updates"], sort=False):
        cells = [f"{rows[f].mean():.3f} ({rows[f].min():.3f} to {rows[f].max():.3f})" for f in FIGURES]
        lines.append(f"| {name} | {updates} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Train and judge, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=24, help="epochs of pooled and rounds of federated training")
    arguments = parser.parse_args()
    root = arguments.out.resolve()
    held_out = root / "held_out"
    judged = phantoms_by_class(held_out, HELD_OUT, seed=1_000_000)
    write_datalist(held_out / "datalist.json", [entry for group in judged.values() for entry in group])

    rows: list[dict[str, Any]] = []
    for seed in range(arguments.seeds):
        rows += compare(root, held_out, arguments.rounds, seed)
        pd.DataFrame(rows).to_csv(root / "results.csv", index=False)
    print(table(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
