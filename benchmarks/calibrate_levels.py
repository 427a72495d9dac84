"""Grey levels that a trained network answers with for benign and malignant masses, for the configs' `otsu_levels`.

    python benchmarks/calibrate_levels.py DATASET_DIR DATALIST CHECKPOINT [FOLD]

A network that is unsure of the outline answers darker than the annotation, whose levels are 128 and 255. Printed are
both times the one factor for which the decisions on the masses that the network was trained on (all folds but FOLD) are
right most often, each class counting half.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from ignite.engine import Events
from monai.bundle import ConfigParser

from monai_rescunet.bundle_root import bundle_root
from monai_rescunet.transforms import ModifiedOtsu

FACTORS = np.linspace(0.70, 1.00, 31)


def main(dataset_dir: str, datalist: str, checkpoint: str, fold: str = "none") -> None:
    configs = bundle_root() / "configs"
    parser = ConfigParser(ConfigParser.load_config_files([str(configs / f"{n}.yaml") for n in ("train", "evaluate")]))
    parser.update(
        {
            "dataset_dir": dataset_dir,
            "datalist": datalist,
            "checkpoint": checkpoint,
            "split": f"$[[], split_by_fold(@entries, '{fold}')[0]]",
            "validate#handlers": [parser["validate#handlers"][0]],
            "validate#dataset#cache_rate": 0.0,
        }
    )
    evaluator = parser.get_parsed_content("validate#evaluator")
    maps, malignant = [], []

    def keep(engine: object) -> None:
        maps.append(evaluator.state.output[0]["pred"].as_tensor())
        malignant.append(evaluator.state.batch[0]["class"] == "malignant")

    evaluator.add_event_handler(Events.ITERATION_COMPLETED, keep)
    evaluator.run()
    batch, truth = torch.stack(maps), np.array(malignant)
    right = {}
    for factor in FACTORS:
        levels = (round(factor * 127.5), round(factor * 255))
        decided = np.array([name == "malignant" for name in ModifiedOtsu(levels=levels)(batch).decision])
        right[levels] = ((decided == truth)[truth].mean() + (decided == truth)[~truth].mean()) / 2
        print(f"{factor:.2f} {levels} {right[levels]:.3f} malignant {decided.mean():.3f}")
    best = [levels for levels, value in right.items() if value == max(right.values())]
    print(f"otsu_levels: {list(best[len(best) // 2])}")


if __name__ == "__main__":
    main(*sys.argv[1:])
