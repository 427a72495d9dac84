"""Calibrate the bundle's answers on a site's own masses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from monai.bundle import ConfigParser

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.classes import MALIGNANT
from monai_rescunet.core.errors import InputError
from monai_rescunet.decisions.calibration import load_calibration
from monai_rescunet.decisions.site import SiteCalibration, calibrate_site
from monai_rescunet.inference.answers import answers

__all__ = ["calibrate_on", "plot_reliability"]

MOST_BINS = 8
MASSES_A_BIN = 6


def calibrate_on(
    dataset_dir: str | Path, datalist: str | Path, checkpoint: str | Path | None = None, fold: str = "all"
) -> SiteCalibration:
    """Return the calibration for a site's masses, with the settings of the bundle's `inference.yaml`.

    Args:
        dataset_dir: folder that the datalist's paths are relative to.
        datalist: as `monai-rescunet prepare` writes it; masses with their classes, in boxes or masks.
        checkpoint: the weights; None takes the bundle's.
        fold: of the datalist, or `all`.

    Raises:
        InputError: as in `answers` and `calibrate_site`; or the config's `otsu_mode` is not `anchored`.
    """
    parser = ConfigParser(ConfigParser.load_config_file(str(bundle_root() / "configs" / "inference.yaml")))
    weights = bundle_root() / "models" / "model.pt" if checkpoint is None else Path(checkpoint)
    if not weights.is_file():
        raise InputError(f"{weights}: there are no weights; expected a file that training wrote, such as model.pt")
    decided = {name: parser.get_parsed_content(name) for name in ("otsu_mode", "kappa", "lesion_floor")}
    if decided["otsu_mode"] != "anchored":
        raise InputError(f"otsu_mode of inference.yaml is {decided['otsu_mode']!r}; levels are those of 'anchored'")
    found = answers(dataset_dir, datalist, weights, fold=fold)
    benign, malignant = parser.get_parsed_content("otsu_levels")
    return calibrate_site(
        found.maps["none"],
        [entry["class"] == MALIGNANT for entry in found.entries],
        [str(entry.get("case", entry["image"])) for entry in found.entries],
        weights,
        {**found.settings, **decided},
        otsu_levels=(benign, malignant),
        before=load_calibration(weights, found.settings),
        kappa=decided["kappa"],
        lesion_floor=decided["lesion_floor"],
        malignant_share=found.settings["malignant_share"],
    )


def plot_reliability(masses: pd.DataFrame, path: Path, told: str = "told_after") -> Path | None:
    """Draw how often masses are malignant against the probability that was told of them; None without matplotlib.

    Args:
        masses: with `malignant`, `told_after` and perhaps `told_before`; those without a probability are left out.
        path: the PNG to write.
        told: the column that is drawn in front.
    """
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        return None
    from sklearn.calibration import calibration_curve

    figure, axes = plt.subplots(figsize=(4.2, 4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for column, style in (("told_before", {"color": "0.6"}), (told, {"color": "C0"})):
        known = masses[masses[column].notna()] if column in masses else masses[:0]
        if known.malignant.nunique() == 2:
            bins = int(np.clip(len(known) // MASSES_A_BIN, 2, MOST_BINS))
            observed, said = calibration_curve(known.malignant, known[column], n_bins=bins, strategy="quantile")
            axes.plot(said, observed, "o-", label=column.removeprefix("told_"), **style)
    axes.set(xlabel="probability of malignancy told", ylabel="share of malignant masses", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path
