"""The three modes of the modified Otsu threshold on the same maps."""

from __future__ import annotations

import pandas as pd
import torch

from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.metrics import classification_metrics
from monai_rescunet.decisions.thresholds import load_thresholds
from monai_rescunet.experiments.finished import Results
from monai_rescunet.transforms import ModifiedOtsu
from monai_rescunet.transforms.histogram import GREY_LEVELS

__all__ = ["compare_otsu_modes", "thresholds_of"]


def thresholds_of(results: Results, network: str) -> dict[int, tuple[int, int]]:
    """Return lambda1 and lambda2 of mode fixed for each fold with mixed supervision that has them."""
    found = {}
    for fold, folder in results.folders(network, "mixed").items():
        try:
            lambda1, lambda2 = load_thresholds(folder / "model.pt")
        except InputError:  # the run has noted why it has none
            continue
        if lambda1 is not None and lambda2 is not None:
            found[fold] = (lambda1, lambda2)
    return found


def compare_otsu_modes(results: Results, networks: list[str]) -> pd.DataFrame:
    """Return `network, mode, fold` and the figures of table II, a row a network, mode and fold.

    Mode `anchored` takes the levels and kappa that the runs were evaluated with.
    """
    config, rows = results.config, []
    told = {"lesion_floor": config["lesion_floor"], "malignant_share": config["malignant_share"]}
    for network in networks:
        masses, maps = results.of(network, "mixed"), results.maps(network, "mixed")["map"]
        thresholds = thresholds_of(results, network)
        for fold in sorted(masses["fold"].unique()):
            own = masses[masses["fold"] == fold]
            m = torch.from_numpy(maps[own.index])[:, None] / (GREY_LEVELS - 1)
            modes = {
                "paper": ModifiedOtsu("paper", **told),
                "anchored": ModifiedOtsu(levels=config["otsu_levels"], kappa=config["kappa"], **told),
            }
            if fold in thresholds:
                lambda1, lambda2 = thresholds[fold]
                modes["fixed"] = ModifiedOtsu("fixed", lambda1=lambda1, lambda2=lambda2, **told)
            for mode, otsu in modes.items():
                result = otsu(m)
                figures = classification_metrics(own["class"].tolist(), result.decision, result.score.tolist())
                rows.append({"network": network, "mode": mode, "fold": fold} | figures)
    return pd.DataFrame(rows)
