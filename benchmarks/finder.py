"""How many masses the finder finds at how many false findings an image, on mammograms that it was not trained on.

Reads `findings.csv` of as many folds as there are, each written by evaluate_finder.yaml (or by the training) for the
fold that was held out, and the datalist that names the masses. Mammograms are those that the tables name, film and
digital told apart; of the digital ones those count whose report names masses alone. A finding hits a mass if its centre
lies in the mass's box, or, in the stricter tables, if their IoU is 0.2 at least. Intervals of 95 % are drawn from
patients. The trivial neighbour is the brightest blobs: scikit-image's `blob_log` on the frame that the network sees.

    python benchmarks/finder.py DATA --datalist datalist.json runs/finder*/findings.csv --figure froc.svg
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from monai.transforms import Compose, LoadImaged
from scipy import ndimage
from skimage.feature import blob_log

from monai_rescunet.data import MammogramReader, mammograms, read_datalist
from monai_rescunet.decisions.froc import FALSE_FINDINGS, HIT_RULES, JudgedImage, judge_image
from monai_rescunet.finding import BreastFramed
from monai_rescunet.finding.placement import Placement

CORNERS = ["x_min", "y_min", "x_max", "y_max"]
REPLICATES = 1000
BLOB_SIGMAS = np.geomspace(3, 16, 6)  # pixels of the frame at half its size: masses of 17 to 90 pixels of the frame
SHOWN = {"cbis_views": "film", "cesm_views": "digital"}


class Judged:
    """The judged images of one collection.

    Args:
        images: of `mammograms`.
        findings: by image, boxes and confidences.
        rule: of a hit.
    """

    def __init__(self, images: Sequence[dict[str, Any]], findings: dict[str, pd.DataFrame], rule: str) -> None:
        judged: list[JudgedImage] = []
        for image in images:
            rows = findings[image["name"]].dropna(subset=CORNERS)
            judged.append(
                judge_image(
                    rows[CORNERS].to_numpy(), rows["confidence"].to_numpy(), image["boxes"], image["ignored"], rule
                )
            )
        cases = sorted({image["case"] for image in images})
        number = np.asarray([cases.index(image["case"]) for image in images])
        self.cases, self.case_of_image = len(cases), number
        false = np.concatenate([j.false for j in judged])
        order = np.argsort(-false, kind="stable")
        self.false = false[order]
        self.case_of_false = np.repeat(number, [len(j.false) for j in judged])[order]
        self.scores = np.concatenate([j.masses for j in judged])
        self.iou = np.concatenate([j.iou for j in judged])
        self.case_of_mass = np.repeat(number, [len(j.masses) for j in judged])
        self.about = pd.DataFrame(
            [
                {"class": name, **{key: image.get(key) for key in ("view", "density", "subtlety")}}
                for image in images
                for name in image["classes"]
            ]
        )

    def threshold(self, rate: float, weights: np.ndarray) -> float:
        """Return the confidence at which so many findings an image are false, with the patients so weighted."""
        allowed = rate * weights[self.case_of_image].sum()
        over = np.cumsum(weights[self.case_of_false]) > allowed + 1e-9
        return float(np.nextafter(self.false[over.argmax()], np.inf)) if over.any() else 0.0

    def sensitivity(self, rates: Sequence[float], weights: np.ndarray, subset: np.ndarray) -> np.ndarray:
        """Return the part of a subset of the masses that is hit at each rate of false findings over all images."""
        of_mass = weights[self.case_of_mass] * subset
        thresholds = np.asarray([self.threshold(rate, weights) for rate in rates])
        hit = self.scores[None] >= thresholds[:, None]
        return (hit * of_mass).sum(axis=1) / max(of_mass.sum(), 1e-9)

    def row(self, subset: np.ndarray) -> list[str]:
        """Return sensitivities with intervals, as a table shows them."""
        rng = np.random.default_rng(0)
        point = self.sensitivity(FALSE_FINDINGS, np.ones(self.cases), subset)
        drawn = np.stack(
            [
                self.sensitivity(
                    FALSE_FINDINGS, rng.multinomial(self.cases, np.full(self.cases, 1 / self.cases)), subset
                )
                for _ in range(REPLICATES)
            ]
        )
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        return [f"{p:.2f} ({a:.2f}-{b:.2f})" for p, a, b in zip(point, low, high, strict=True)]

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return false findings per image and sensitivity at each of them."""
        rates = np.geomspace(0.05, 8, 60)
        return rates, self.sensitivity(rates, np.ones(self.cases), np.ones(len(self.scores)))


def blobs(images: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the brightest blobs of each image, as `findings.csv` has findings."""
    frame = Compose([LoadImaged("image", reader=MammogramReader(), ensure_channel_first=True), BreastFramed("image")])
    rows = []
    for image in images:
        framed = frame({"image": image["image"]} | ({"true_size": image["true_size"]} if "true_size" in image else {}))[
            "image"
        ]
        placement = Placement(*framed.meta["placement"])
        picture = framed[0].numpy()[::2, ::2]
        laplace = {sigma: -(sigma**2) * ndimage.gaussian_laplace(picture, sigma) for sigma in BLOB_SIGMAS}
        found = blob_log(
            picture, min_sigma=BLOB_SIGMAS[0], max_sigma=BLOB_SIGMAS[-1], num_sigma=len(BLOB_SIGMAS), log_scale=True,
            threshold=0.01,
        )  # fmt: skip
        for x, y, sigma in found:
            nearest = min(laplace, key=lambda s: abs(s - sigma))
            radius = 2 * np.sqrt(2) * sigma
            centre = 2 * x + 1, 2 * y + 1
            box = placement.to_image([centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius])
            rows.append(
                {
                    "image": image["name"],
                    **dict(zip(CORNERS, box, strict=True)),
                    "confidence": laplace[nearest][int(x), int(y)],
                }
            )
        rows.append({"image": image["name"], "confidence": 0.0})
    return pd.DataFrame(rows)


def subsets(about: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the subsets of masses that the tables tell apart."""
    chosen = {"all masses": np.ones(len(about))}
    for column in ("class", "view", "density", "subtlety"):
        for value in sorted(about[column].dropna().unique()):
            if value != "":
                text = f"{value:g}" if isinstance(value, float) else str(value)
                chosen[text if column in ("class", "view") else f"{column} {text}"] = (about[column] == value).to_numpy(
                    float
                )
    return chosen


def print_table(title: str, rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n{title}\n\n| masses | n | " + " | ".join(f"{rate:g}" for rate in FALSE_FINDINGS) + " |")
    print("| --- |" + " ---: |" * (1 + len(FALSE_FINDINGS)))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("findings", type=Path, nargs="+", help="findings.csv of the folds that were held out")
    parser.add_argument("--datalist", type=Path, required=True)
    parser.add_argument("--figure", type=Path, help="where the free-response curves go")
    parser.add_argument("--no-blobs", action="store_true", help="leave the trivial neighbour out")
    arguments = parser.parse_args()
    found = pd.concat([pd.read_csv(path) for path in arguments.findings])
    twice = found.groupby("image")["fold"].nunique() > 1
    if twice.any():
        parser.error(f"{twice.idxmax()} stands in the findings of two folds; expected that which was held out")
    images = mammograms(read_datalist(arguments.datalist, arguments.data))
    for image in images:
        image["name"] = Path(image["image"]).relative_to(arguments.data.absolute()).as_posix()
    seen = set(found["image"])
    images = [image for image in images if image["name"] in seen and image.get("clean", True) and image["boxes"]]
    ways = {"finder": found} | ({} if arguments.no_blobs else {"brightest blobs": blobs(images)})
    figure, axes = plt.subplots(1, len(SHOWN), figsize=(9, 4), sharey=True)
    for panel, (collection, name) in zip(axes, SHOWN.items(), strict=True):
        of_one = [image for image in images if image["collection"] == collection]
        if not of_one:
            continue
        patients = len({image["case"] for image in of_one})
        print(f"\n## {name}: {len(of_one)} images of {patients} patients, folds {sorted({i['fold'] for i in of_one})}")
        for way, table in ways.items():
            by_image = dict(list(table.groupby("image")))
            for rule in HIT_RULES:
                judged = Judged(of_one, by_image, rule)
                chosen = (
                    subsets(judged.about)
                    if way == "finder" and rule == "centre"
                    else {"all masses": np.ones(len(judged.about))}
                )
                if "malignant" not in chosen:
                    chosen["malignant"] = (judged.about["class"] == "malignant").to_numpy(float)
                print_table(
                    f"{way}, {name}, hit by {rule}: sensitivity at so many false findings an image",
                    [[label, str(int(subset.sum())), *judged.row(subset)] for label, subset in chosen.items()],
                )
                point = judged.threshold(1.0, np.ones(judged.cases))
                hits = judged.iou[judged.scores >= point]
                print(f"\nconfidence at one false finding: {point:.3f}; median IoU of hits: {np.median(hits):.2f}")
                panel.plot(
                    *judged.curve(),
                    "-" if rule == "centre" else "--",
                    color="C0" if way == "finder" else "C7",
                    label=f"{way}, {rule}",
                )
        panel.set(xscale="log", xlabel="false findings per image", title=f"{name} ({len(of_one)} images)", ylim=(0, 1))
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("masses found")
    axes[-1].legend(loc="lower right", fontsize=8)
    if arguments.figure:
        figure.tight_layout()
        figure.savefig(arguments.figure)


if __name__ == "__main__":
    main()
