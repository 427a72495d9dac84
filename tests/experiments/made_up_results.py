"""Finished runs as an experiment leaves them, with made-up maps, in no time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from torch.utils.tensorboard import SummaryWriter

from monai_rescunet.decisions.metrics import segmentation_metrics
from monai_rescunet.decisions.thresholds import save_thresholds
from monai_rescunet.transforms import ModifiedOtsu
from monai_rescunet.transforms.otsu_result import lesion_mask

SIDE, MASSES, FOLDS = 32, 24, 3
SKILL = {"U-Net": 0.6, "ResCU-Net": 0.9}


def make_results(out: Path, networks: dict[str, float] = SKILL, supervisions=("binary", "mixed")) -> Path:
    """Write the runs of networks that are the better the higher their skill in [0, 1] is."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "experiment.json").write_text(json.dumps({"datalist": "0", "settings": {"max_epochs": 2}}))
    for place, (network, skill) in enumerate(networks.items()):
        for supervision in supervisions:
            for fold in range(FOLDS):
                _make_run(out / f"{network}_{supervision}_fold{fold}", network, supervision, fold, skill, place)
    return out


def _make_run(folder: Path, network: str, supervision: str, fold: int, skill: float, seed: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng([seed, fold, supervision == "mixed"])
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    rows, arrays = [], {"image": [], "truth": [], "map": []}
    for mass in range(fold, MASSES, FOLDS):
        malignant = mass // FOLDS % 2 == 1
        radius = 8 + mass % 5
        truth = np.hypot(x, y) < radius
        found = np.hypot(x, y) < radius + (1 - skill) * rng.normal(0, 6)
        level = (1.0 if malignant else 0.5) if supervision == "mixed" else 1.0
        level = np.clip(level + (1 - skill) * rng.normal(0, 0.8), 0.4, 1.0)
        m = np.clip(found * level + rng.normal(0, 0.02, found.shape), 0, 1)
        result = ModifiedOtsu(classify=supervision == "mixed")(torch.from_numpy(m)[None])
        outline = lesion_mask(torch.from_numpy(m)[None], result)
        told = result.as_dict()
        rows.append(
            {
                "image": f"images/{mass:02}.png", "mass": 0, "case": f"p{mass // 6}{fold}", "fold": fold,
                "class": "malignant" if malignant else "benign", "decision": told["decision"], "score": told["score"],
                **segmentation_metrics(outline, torch.from_numpy(truth)[None]),
                "lambda1": told["lambda1"], "lambda2": told["lambda2"],
            }
        )  # fmt: skip
        arrays["image"].append(np.uint8(100 + 80 * truth))
        arrays["truth"].append(np.uint8(truth * (2 if malignant else 1)))
        arrays["map"].append(np.uint8(np.round(255 * m)))
    pd.DataFrame(rows).to_csv(folder / "per_image.csv", index=False)
    np.savez_compressed(folder / "maps.npz", **{name: np.stack(values) for name, values in arrays.items()})
    (folder / "metrics.json").write_text(json.dumps({"segmentation": {"auc": 0.9}}))
    (folder / "environment.json").write_text(json.dumps([{"python": "3", "packages": {"torch": "2"}, "device": "CPU"}]))
    read_off = {"kappa": 0.3, "lesion_floor": 64, "otsu_levels": [128, 255], "malignant_share": 0.5}
    config = read_off | {"max_epochs": 2, "seed": 0}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with SummaryWriter(str(folder / "tensorboard")) as curves:
        for step in range(3):
            curves.add_scalar("train_loss", 0.7 - 0.1 * step, step)
            curves.add_scalar("val_mean_dice", skill - 0.1, step)
    (folder / "model.pt").write_bytes(folder.name.encode())
    save_thresholds(64, 180, 16, folder / "model.pt")
    run = {"network": network, "path": "x.Y", "supervision": supervision, "fold": fold, "thresholds": "fitted"}
    (folder / "finished.json").write_text(json.dumps(run))
