"""Draw the pictures of the docs with the code that they explain: `make pictures`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.draw import ellipse

from monai_rescunet import predict
from monai_rescunet.core.classes import BENIGN, CLASS_VALUES, COLOURS, MALIGNANT
from monai_rescunet.data import make_phantoms
from monai_rescunet.decisions.froc import judge_image
from monai_rescunet.transforms import EncodeMixedSupervision, ModifiedOtsu, ToLabelMap
from monai_rescunet.transforms.histogram import histogram
from monai_rescunet.transforms.otsu_result import OtsuResult

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
MAMMOGRAMS = Path(__file__).parent.parent / "examples" / "mammograms"
SHOWN = ("00889_LEFT_MLO", "01112_LEFT_CC", "01853_LEFT_CC")
LEVELS = {BENIGN: 0.5, MALIGNANT: 1.0}
COLOUR = {name: np.array(COLOURS[value]) / 255 for name, value in CLASS_VALUES.items()}
MODES = {"paper": "taken literally (paper)", "anchored": "with anchors (anchored)"}


def main(out: Path = PICTURES) -> None:
    """Draw all pictures into a folder."""
    mpl.rcParams |= {
        "svg.hashsalt": "monai_rescunet",  # the same code gives the same file
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
    }
    out.mkdir(parents=True, exist_ok=True)
    pictures = (("method-otsu.svg", otsu()), ("method-mask.png", one_mask()), ("findings.png", findings()))
    for name, figure in pictures:
        figure.savefig(out / name, bbox_inches="tight", dpi=120, metadata={"Date": None} if name[-3:] == "svg" else {})
        plt.close(figure)


def otsu() -> plt.Figure:
    """Show what both rules make of the map of a network that is right, for a benign and a malignant mass."""
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), width_ratios=(1, 2, 2), layout="constrained")
    for row, (name, level) in zip(axes, LEVELS.items(), strict=True):
        m = right_map(level, blur=2.0)
        row[0].imshow(m[0], cmap="gray", vmin=0, vmax=1)
        row[0].set_title(f"M of a {name} mass")
        row[0].set_axis_off()
        for panel, (mode, title) in zip(row[1:], MODES.items(), strict=True):
            draw_histogram(panel, m, ModifiedOtsu(mode)(m), title, truth=name)
    axes[1, 1].set_xlabel("grey level of M")
    axes[1, 2].set_xlabel("grey level of M")
    return figure


def right_map(level: float, blur: float) -> torch.Tensor:
    """Return what a network that is right answers: an ellipse at its class's level, a soft border, a little noise."""
    rng = np.random.default_rng(0)
    mass = np.zeros((128, 128), dtype=np.float32)
    mass[ellipse(64, 64, 26, 34, rotation=0.4)] = level
    m = gaussian_filter(mass, blur) + rng.normal(0, 0.01, mass.shape)
    return torch.from_numpy(m.clip(0, 1)[None]).float()


def draw_histogram(panel: Axes, m: torch.Tensor, result: OtsuResult, title: str, truth: str) -> None:
    """Draw the histogram of M in the colours of the four classes, with both thresholds."""
    counts = histogram(m.reshape(1, -1))[0].numpy()
    lambda1, lambda2 = int(result.lambda1), int(result.lambda2)
    for start, end, colour in (
        (0, lambda1 + 1, "0.6"),
        (lambda1 + 1, lambda2 + 1, COLOUR[BENIGN]),
        (lambda2 + 1, 256, COLOUR[MALIGNANT]),
    ):
        panel.stairs(counts[start:end], np.arange(start, end + 1) - 0.5, fill=True, color=colour)
    for symbol, threshold in (("λ1", lambda1), ("λ2", lambda2)):
        panel.axvline(threshold + 0.5, color="black", linewidth=0.8, linestyle="--")
        panel.text(threshold + 2.5, 6000, symbol)
    benign, malignant = int(result.N[2]), int(result.N[3])
    verdict = "right" if result.decision == truth else "wrong"
    panel.set(yscale="log", ylim=(0.7, 20000), xlim=(-2, 257), xticks=(0, 64, 128, 192, 255), ylabel="pixels")
    panel.set_title(f"{title}: {result.decision}, {verdict}\n{benign} pixels up to λ2, {malignant} above", loc="left")


def one_mask() -> plt.Figure:
    """Show a phantom of either class, the mask that carries both labels, and what the shipped weights make of it."""
    figure, axes = plt.subplots(2, 3, figsize=(7.5, 5), layout="constrained")
    with tempfile.TemporaryDirectory() as folder:
        phantoms = make_phantoms(folder, count=4, size=(600, 600), seed=3)
        for row, phantom in zip(axes, (phantoms[0], phantoms[2]), strict=True):
            image = plt.imread(Path(folder) / phantom["image"])
            mask = torch.from_numpy(plt.imread(Path(folder) / phantom["mask"]) > 0)[None]
            target = EncodeMixedSupervision()(ToLabelMap()(mask, phantom["label"]))
            (mass,) = predict(Path(folder) / phantom["image"], box=phantom["box"])
            row[0].imshow(image, cmap="gray")
            row[1].imshow(target[0], cmap="gray", vmin=0, vmax=1)
            row[2].imshow(image, cmap="gray")
            row[2].contour(mass["mask"].T, levels=[0.5], colors=[COLOUR.get(mass["decision"], "white")])
            row[0].set_title(f"phantom with a {phantom['label']} mass")
            row[1].set_title(f"its mask, filled with {LEVELS[phantom['label']]:g}")
            row[2].set_title(f"found: {mass['decision']}, score {mass['score']:.2f}")
    for panel in axes.flat:
        panel.set_axis_off()
    return figure


def told_of(mass: pd.Series, found: list[dict[str, Any]]) -> str:
    """Return what was found of an annotated mass, and what else."""
    box = [mass.x_min, mass.y_min, mass.x_max, mass.y_max]
    boxes = [[*map(float, row["box"].split())] for row in found]
    hits = [row for row, each in zip(found, boxes, strict=True) if not len(judge_image([each], [1.0], [box]).false)]
    told = f"found, called {hits[0]['decision']}" if hits else "missed"
    false = len(found) - len(hits)
    return f"the {mass.label} mass: {told}" + (f"\nfalse findings: {false}" if false else "")


def findings() -> plt.Figure:
    """Show what is found in three of the mammograms that are shipped, beside the boxes of their annotated masses."""
    known = pd.read_csv(MAMMOGRAMS / "known_masses.csv").set_index("image")
    figure, axes = plt.subplots(1, 3, figsize=(9, 5.6), layout="constrained")
    with tempfile.TemporaryDirectory() as folder:
        for panel, stem in zip(axes, SHOWN, strict=True):
            found = predict(MAMMOGRAMS / f"{stem}.jpg", out=folder)
            panel.imshow(Image.open(Path(folder) / f"{stem}_overlay.png").convert("RGB"))
            mass = known.loc[f"{stem}.jpg"]
            size = mass.x_max - mass.x_min, mass.y_max - mass.y_min
            panel.add_patch(Rectangle((mass.x_min, mass.y_min), *size, fill=False, color="lime", linestyle=":"))
            panel.set_title(told_of(mass, found))
            panel.set_axis_off()
    return figure


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
