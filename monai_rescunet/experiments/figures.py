"""The paper's figures 4 and 5, and what else one looks at before believing a table."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monai_rescunet.core.classes import BENIGN, CLASS_VALUES, MALIGNANT, NO_LESION, PAPER_GREY_LEVELS
from monai_rescunet.core.files import write_atomically
from monai_rescunet.decisions.calibration import fit_calibration
from monai_rescunet.decisions.metrics import count_levels
from monai_rescunet.experiments.finished import Results
from monai_rescunet.experiments.otsu_modes import compare_otsu_modes, thresholds_of

__all__ = ["FORMATS", "Plot", "figure_bytes", "make_figures", "write_figure"]

FORMATS = ("svg", "pdf", "png")
RATES = np.linspace(0, 1, 201)
Curve = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # truths, ranks, weights


class Plot(NamedTuple):
    """One figure.

    Attributes:
        name: of its files.
        caption: what it shows.
        figure: the picture.
    """

    name: str
    caption: str
    figure: Figure


def make_figures(results: Results) -> list[Plot]:
    """Return the figures that the finished runs allow; those of the classes need mixed supervision."""
    plots = [learning_curves(results)]
    mixed = [network for network, supervision in results.configurations if supervision == "mixed"]
    if mixed:
        makers: list[Callable[[Results, list[str]], Plot]] = [
            roc_curves, panel, histogram_of_maps, reliability, otsu_modes,
        ]  # fmt: skip
        plots = [make(results, mixed) for make in makers] + plots
    return plots


def write_figure(plot: Plot, folder: Path) -> None:
    """Write a figure as SVG, PDF and PNG, without the date, so that the same results give the same files."""
    for suffix in FORMATS:
        write_atomically(folder / f"{plot.name}.{suffix}", figure_bytes(plot.figure, suffix))


def figure_bytes(figure: Figure, suffix: str) -> bytes:
    """Return the content of a file of the figure."""
    content = BytesIO()
    dates: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "monai_rescunet"}):
        figure.savefig(content, format=suffix, dpi=150, metadata=dates.get(suffix))
    return content.getvalue()


def roc_curves(results: Results, networks: list[str]) -> Plot:
    """Return figure 4: for classification the masses ranked by score, for segmentation the sweep of lambda1."""
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for network in networks:
        masses = results.of(network, "mixed")
        maps = results.maps(network, "mixed")
        classes: list[Curve] = []
        pixels: list[Curve] = []
        for _, rows in masses.groupby("fold"):
            classes.append(((rows["class"] == MALIGNANT).to_numpy(), rows["score"].to_numpy(), None))
            inside, levels = maps["truth"][rows.index] > 0, maps["map"][rows.index]
            counts = count_levels(levels, inside, (False, True))
            pixels.append((np.repeat([False, True], 256), np.tile(np.arange(256), 2), counts.ravel()))
        _draw_roc(left, network, classes)
        _draw_roc(right, network, pixels)
    for axes, title in ((left, "(a) classification"), (right, "(b) segmentation, pixels")):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        axes.set(title=title, xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.legend(loc="lower right", fontsize="small", title="AUC, mean over folds", title_fontsize="small")
    caption = (
        "ROC curves with mixed supervision, mean over the folds (the paper's figure 4). Sweeping λ2 ranks masses by "
        "their score, a grey level of their lesion; sweeping λ1 ranks pixels by M."
    )
    return Plot("roc", caption, figure)


def panel(results: Results, networks: list[str]) -> Plot:
    """Return figure 5: of each class the mass that the reference network outlines at its median, and its worst."""
    masses = results.of(_reference(results, networks), "mixed")
    chosen = []
    for name in (BENIGN, MALIGNANT):
        ranked = masses[masses["class"] == name].sort_values("dice").index
        chosen += [ranked[len(ranked) // 2], ranked[0]] if len(ranked) > 1 else list(ranked)
    figure = Figure(figsize=(1.6 * (2 + len(networks)), 1.75 * len(chosen)), layout="constrained")
    grid = figure.subplots(len(chosen), 2 + len(networks), squeeze=False)
    answers = [(results.of(network, "mixed"), results.maps(network, "mixed")["map"]) for network in networks]
    arrays = results.maps(_reference(results, networks), "mixed")
    to_grey = np.zeros(256)
    for level, value in PAPER_GREY_LEVELS.items():
        to_grey[value] = level
    for row, index in zip(grid, chosen, strict=True):
        row[0].imshow(arrays["image"][index].T, cmap="gray")
        row[0].set_ylabel(masses.at[index, "class"])
        row[1].imshow(to_grey[arrays["truth"][index]].T, cmap="gray", vmin=0, vmax=255)
        for axes, (table, maps) in zip(row[2:], answers, strict=True):
            same = table["image"].eq(masses["image"][index]) & table["mass"].eq(masses["mass"][index])
            for place in np.flatnonzero(same):  # none where a network's fold is not finished
                answer = table.iloc[place]
                axes.imshow(maps[place].T, cmap="gray", vmin=0, vmax=255)
                axes.set_xlabel(f"{answer['decision']}, {answer['dice']:.2f}", fontsize="small")
        for axes in row:
            axes.set(xticks=[], yticks=[])
    for axes, title in zip(grid[0], ("input", "truth", *networks), strict=True):
        axes.set_title(title, fontsize="small")
    caption = (
        "Region of interest, truth (grey benign, white malignant) and each network's map M with its decision and Dice "
        "(the paper's figure 5). Of each class the mass at the median of "
        f"{_reference(results, networks)}'s Dice, and the worst."
    )
    return Plot("panel", caption, figure)


def histogram_of_maps(results: Results, networks: list[str]) -> Plot:
    """Return the histogram of M's grey levels by the pixels' truth, with the thresholds of mode fixed."""
    network = _reference(results, networks)
    maps = results.maps(network, "mixed")
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    kinds = {"background": 0, **CLASS_VALUES}
    for name, counts in zip(kinds, count_levels(maps["map"], maps["truth"], tuple(kinds.values())), strict=True):
        axes.stairs(counts / max(counts.sum(), 1), np.arange(257) - 0.5, label=name)
    for number, thresholds in enumerate(thresholds_of(results, network).values()):
        for name, level, style in zip(("λ1", "λ2"), thresholds, ("--", ":"), strict=True):
            label = f"{name}, one line a fold" if number == 0 else None
            axes.axvline(level, color="0.3", linestyle=style, linewidth=0.9, label=label)
    axes.set(xlabel="grey level of M", ylabel="share of the pixels", yscale="log", xlim=(0, 255))
    axes.legend(fontsize="small")
    caption = f"Grey levels of {network}'s maps on held-out masses, and λ1 and λ2 fitted on the training folds."
    return Plot("histogram", caption, figure)


def reliability(results: Results, networks: list[str]) -> Plot:
    """Return how often masses of a told probability are malignant; each fold is calibrated on the others' scores."""
    network = _reference(results, networks)
    masses = results.of(network, "mixed")
    masses = masses[masses["decision"] != NO_LESION]  # no probability is told of those
    malignant = masses["class"] == MALIGNANT
    told = pd.Series(np.nan, index=masses.index)
    for fold, folder in results.folders(network, "mixed").items():
        others = masses["fold"] != fold
        if malignant[others].nunique() == 2:
            line = fit_calibration(
                masses["score"][others].tolist(), malignant[others].tolist(), folder / "model.pt", {}
            )
            told[~others] = masses["score"][~others].map(line)
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    judged = told.notna()
    if judged.any():
        observed, expected = calibration_curve(malignant[judged], told[judged], n_bins=5, strategy="quantile")
        axes.plot(expected, observed, marker="o")
        score = brier_score_loss(malignant[judged], told[judged])
        share = malignant[judged].mean()
        axes.set_title(f"Brier score {score:.3f}, of a constant {share * (1 - share):.3f}", fontsize="medium")
    axes.set(xlabel="probability told", ylabel="share malignant", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    caption = f"Calibration of {network}'s score: Platt's line, fitted on the other folds' held-out masses."
    return Plot("calibration", caption, figure)


def otsu_modes(results: Results, networks: list[str]) -> Plot:
    """Return accuracy, recall and specificity of the three modes of Otsu on the same maps."""
    table = compare_otsu_modes(results, networks)
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 3, sharey=True), ("accuracy", "recall", "specificity"), strict=True):
        table.pivot_table(name, "network", "mode", sort=False).plot.bar(ax=axes, legend=False, rot=30)
        axes.set(title=name, xlabel="", ylim=(0, 1))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", title="mode")
    caption = "Decisions of the three modes of the modified Otsu threshold on the same maps, mean over the folds."
    return Plot("otsu_modes", caption, figure)


def learning_curves(results: Results) -> Plot:
    """Return the loss in training and the Dice in validation, mean over the folds."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours: dict[str, Any] = {}
    for network, supervision in results.configurations:
        folders = results.folders(network, supervision).values()
        style = {"linestyle": "-" if supervision == "mixed" else "--", "label": f"{network}, {supervision}"}
        for axes, tag in ((left, "train_loss"), (right, "val_mean_dice")):
            curve = pd.concat([_scalars(folder / "tensorboard", tag) for folder in folders], axis=1).mean(axis=1)
            if axes is left:  # a batch's loss says little
                curve = curve.rolling(max(1, len(curve) // 20), min_periods=1).mean()
            (line,) = axes.plot(curve.index, curve, linewidth=1.2, color=colours.get(network), **style)
            colours.setdefault(network, line.get_color())
    left.set(xlabel="step", ylabel="loss", title="training")
    right.set(xlabel="epoch", ylabel="Dice", title="validation, held-out fold", ylim=(0, 1))
    right.legend(fontsize="x-small")
    caption = (
        "Learning curves, mean over the folds; the loss is a running mean over a twentieth of the training. "
        "No weights were chosen by the validation."
    )
    return Plot("learning_curves", caption, figure)


def _draw_roc(axes: Axes, network: str, folds: list[Curve]) -> None:
    """Draw the mean of the folds' curves; folds with one class have none."""
    curves, areas = [], []
    for truth, ranks, weights in folds:
        present = truth if weights is None else truth[weights > 0]
        if present.any() and not present.all():
            false, true, _ = roc_curve(truth, ranks, sample_weight=weights)
            curves.append(np.interp(RATES, false, true))
            areas.append(roc_auc_score(truth, ranks, sample_weight=weights))
    if curves:
        mean = np.concatenate([[0], np.mean(curves, axis=0)])
        axes.plot(np.concatenate([[0], RATES]), mean, label=f"{network} {np.mean(areas):.3f}", linewidth=1.4)


def _scalars(folder: Path, tag: str) -> pd.Series:
    """Return a curve by step; of what a resumed training did twice the later counts."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    if tag not in events.Tags()["scalars"]:
        return pd.Series(dtype=float)
    return pd.Series({event.step: event.value for event in events.Scalars(tag)}).sort_index()


def _reference(results: Results, networks: list[str]) -> str:
    return results.reference if results.reference in networks else networks[-1]
