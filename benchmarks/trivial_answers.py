"""Dice of answers that look at no pixel, on the region of interest that the bundle's evaluation judges.

    python benchmarks/trivial_answers.py DATASET_DIR DATALIST [BOX_JITTER]

Every figure of a network wants these beside it: the ellipse inscribed in the box, and, for each fold, one constant
mask, the other folds' mean mask cut at one half.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose, LoadImaged
from rich.console import Console
from rich.table import Table
from torch import Tensor

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.files import relative_name
from monai_rescunet.data import MammogramReader, read_datalist
from monai_rescunet.decisions.metrics import segmentation_metrics
from monai_rescunet.transforms import CropMassROId, ToLabelMapd


def ellipse(box: list[float], region: list[int], side: int) -> Tensor:
    """Return the ellipse inscribed in a box, in the pixels of the region of interest."""
    x_min, x_max = ((v - region[0]) * side / region[2] for v in box[::2])
    y_min, y_max = ((v - region[1]) * side / region[3] for v in box[1::2])
    x, y = torch.meshgrid(*[torch.arange(side) + 0.5] * 2, indexing="ij")
    return (((2 * x - x_min - x_max) / (x_max - x_min)) ** 2 + ((2 * y - y_min - y_max) / (y_max - y_min)) ** 2 < 1)[
        None
    ]


def main(dataset_dir: str, datalist: str, box_jitter: float = 0.0) -> None:
    config = ConfigParser.load_config_files(str(bundle_root() / "configs" / "inference.yaml"))
    parameters = {name: config[name] for name in ("roi_mode", "roi_context", "window_size", "roi_size")}
    load = Compose(
        [
            LoadImaged(keys=["image", "label"], reader=MammogramReader, ensure_channel_first=True),
            ToLabelMapd(keys="label"),
            CropMassROId(keys=["image", "label"], mode=["bilinear", "nearest"], box_jitter=box_jitter, **parameters),
        ]
    )
    masses = []
    for entry in read_datalist(datalist, dataset_dir):
        crop = load(entry)
        region = crop["label"].applied_operations[-1]["extra_info"]["region"]
        inscribed = ellipse(crop["roi"]["box"], region, parameters["roi_size"])
        collection = Path(relative_name(entry["image"], dataset_dir)).parts[0]
        masses.append((collection, entry.get("fold", 0), crop["label"].as_tensor() > 0, inscribed))

    dice = defaultdict(list)
    for collection, fold, truth, inscribed in masses:
        others = [t.float() for c, f, t, _ in masses if c == collection and f != fold]
        constant = torch.stack(others).mean(dim=0) > 0.5 if others else torch.zeros_like(truth)
        dice[collection, "ellipse in the box"].append(segmentation_metrics(inscribed, truth)["dice"])
        dice[collection, "constant mask"].append(segmentation_metrics(constant, truth)["dice"])
    table = Table("collection", "answer", "masses", "Dice")
    for (collection, answer), values in sorted(dice.items()):
        table.add_row(collection, answer, str(len(values)), f"{sum(values) / len(values):.3f}")
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))
