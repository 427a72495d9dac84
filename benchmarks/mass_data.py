"""The datalist of masses of three collections, for the trainings that `retrain.sh` does.

Three collections in a folder each, side by side: `mammo_masses` (digitised film), `cbis_mass_crops` (CBIS-DDSM's
training split, crops) and `cesm_masses` (CDD-CESM's low-energy pictures, digital). Patients of the example mammograms,
which are kept out of all training and of every choice, are left out by the list in `examples/mammograms/patients.txt`.

    python benchmarks/mass_data.py DATA datalist.json [--only COLLECTION] [--without COLLECTION]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from finder_data import example_patients

from monai_rescunet.data import prepare_folder, write_datalist
from monai_rescunet.data.datalists.folds import assign_folds

COLLECTIONS = ("mammo_masses", "cbis_mass_crops", "cesm_masses")
CROPS = "cbis_mass_crops"
FOLDS = 3
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", choices=COLLECTIONS, help="this collection alone, to judge on")
    parser.add_argument("--without", choices=COLLECTIONS, help="all but this collection, to train without it")
    arguments = parser.parse_args()
    report = prepare_folder(
        [arguments.data / name for name in COLLECTIONS], crops=[arguments.data / CROPS], n_splits=FOLDS, seed=SEED
    )
    left_out = example_patients()
    kept = [entry for entry in report.entries if Path(entry["case"]).name not in left_out]
    folds = assign_folds(kept, FOLDS, SEED)
    chosen = [
        entry
        for entry in folds
        if arguments.only in (None, entry["collection"]) and entry["collection"] != arguments.without
    ]
    write_datalist(arguments.output, chosen)
    print(f"{len(report.entries) - len(kept)} masses of example patients left out; wrote {len(chosen)} masses")


if __name__ == "__main__":
    main()
