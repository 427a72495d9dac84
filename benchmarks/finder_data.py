"""The datalist of whole mammograms that the shipped finder was trained on.

Two collections of small whole mammograms in a folder each, side by side: `cbis_views` (CBIS-DDSM's training split,
film, stretched to squares, with `masses.csv`) and `cesm_views` (CDD-CESM's low-energy pictures, digital, with
`boxes.csv`). Patients of the example mammograms, which are kept out of all training and of every choice, are left out
by the list in `examples/mammograms/patients.txt`. A patient's fold is told by the digest of its name, so that crops of
the same patients in other folders come into the same fold.

Of CDD-CESM a region counts as a mass where the report names masses alone, or where it names one and there is one
region; all other regions, and those of more than 15 % of the picture, are neither taught nor judged.

    python benchmarks/finder_data.py DATA --output datalist.json
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from monai_rescunet.data import write_datalist

FOLDS = 3
LARGEST_SHARE = 0.15
TYPICAL_ASPECT = 0.585  # median of width over height of the scans whose size is known
CORNERS = ["x_min", "y_min", "x_max", "y_max"]
EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "mammograms" / "patients.txt"


def fold_of(case: str) -> int:
    """Return the fold of a patient."""
    return int(hashlib.sha256(case.encode()).hexdigest(), 16) % FOLDS


def example_patients() -> set[str]:
    """Return the patients that are kept out."""
    lines = EXAMPLES.read_text(encoding="utf-8").splitlines()
    return {line.split(",")[0] for line in lines if line and not line.startswith("#")}


def film(folder: Path) -> list[dict[str, Any]]:
    """Return the masses of `cbis_views`."""
    entries = []
    for row in pd.read_csv(folder / "masses.csv").to_dict("records"):
        known = row["width"] == row["width"]
        size = [row["width"], row["height"]] if known else [TYPICAL_ASPECT, 1.0]
        entry = described(folder, row, view=str(row["view"]).split("_")[-1]) | {
            "box": [row[corner] for corner in CORNERS],
            "true_size": size,
        }
        entries.append(entry | {key: row[key] for key in ("density", "subtlety") if row[key] == row[key]})
    return entries


def digital(folder: Path) -> list[dict[str, Any]]:
    """Return the regions of `cesm_views`."""
    table = pd.read_csv(folder / "boxes.csv")
    table["regions"] = table.groupby("image")["x_min"].transform("count")
    entries = []
    for row in table.to_dict("records"):
        entry = described(folder, row, view=row["view"]) | {"density": row["density"], "clean": bool(row["only_mass"])}
        if row["x_min"] == row["x_min"]:
            named = row["only_mass"] or (row["mass"] and row["regions"] == 1)
            sure = named and row["share"] <= LARGEST_SHARE
            entry |= {"box": [row[corner] for corner in CORNERS]} | ({} if sure else {"finding": "unsure"})
        else:
            entry |= {"finding": "none"}
        entries.append(entry)
    return entries


def described(folder: Path, row: dict[str, Any], view: str) -> dict[str, Any]:
    """Return what an entry of either collection has."""
    entry = {
        "image": f"{folder.name}/{row['image']}",
        "case": row["case"],
        "fold": fold_of(row["case"]),
        "collection": folder.name,
        "view": view,
    }
    return entry | ({"class": row["label"]} if row["label"] in ("benign", "malignant") else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the two collections")
    parser.add_argument("--output", type=Path, default=Path("datalist.json"))
    arguments = parser.parse_args()
    kept_out = example_patients()
    entries = [
        entry
        for entry in film(arguments.data / "cbis_views") + digital(arguments.data / "cesm_views")
        if entry["case"] not in kept_out
    ]
    write_datalist(arguments.output, entries)
    table = pd.DataFrame(entries).fillna({"finding": "mass"})
    print(table.groupby(["collection", "fold", "finding"]).agg(rows=("image", "size"), images=("image", "nunique")))


if __name__ == "__main__":
    main()
