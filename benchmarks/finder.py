"""How many masses the finder finds at how many false findings an image, on mammograms that it was not trained on.

`--folds RUNS`: each `RUNS/fold_N/model.pt` judges fold N, which it was not trained on, and the answers are pooled. Or
give `findings.csv` of as many folds as there are, each written by evaluate_finder.yaml for the fold that was held out.
Mammograms are those that the tables name, film and digital told apart; of the digital ones those count whose report
names masses alone. A finding hits a mass if its centre lies in the mass's box, or, in the stricter rows, if their IoU
is 0.2 at least. Intervals of 95 % are drawn from patients. The trivial neighbour is the brightest blobs: scikit-image's
`blob_log` on the frame that the network sees.

What is printed is Markdown, for docs/finding.md and the model's page: a table of each collection, a short one of both,
and the threshold that has one false finding an image, which is what `find_threshold` is chosen by.

    python benchmarks/finder.py DATA --datalist datalist.json --folds runs/finder --figure froc.svg
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from finder_blobs import blobs
from finder_curves import Judged
from monai.bundle import run

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.files import relative_name
from monai_rescunet.data import mammograms, read_datalist
from monai_rescunet.decisions.froc import FALSE_FINDINGS, HIT_RULES

SHOWN = {"cbis_views": "film", "cesm_views": "digital"}
FINDER, BLOBS = "finder", "brightest blobs"
MOST = 5  # max_findings of inference.yaml
Images = Sequence[Mapping[str, Any]]
ByImage = Mapping[str, pd.DataFrame]


def judged_by_folds(runs: Path, data: Path, datalist: Path) -> list[Path]:
    """Return findings.csv of each fold, by the network that has not seen it, made where older than the weights."""
    tables = []
    for folder in sorted(runs.glob("fold_[0-9]")):
        weights, out = folder / "model.pt", folder / "held_out"
        tables.append(out / "findings.csv")
        if tables[-1].is_file() and tables[-1].stat().st_mtime > weights.stat().st_mtime:
            continue
        root = bundle_root()
        run(
            config_file=[str(root / "configs" / name) for name in ("train_finder.yaml", "evaluate_finder.yaml")],
            bundle_root=str(root),
            dataset_dir=str(data),
            datalist=str(datalist),
            output_dir=str(out),
            fold=int(folder.name.removeprefix("fold_")),
            checkpoint=str(weights),
            logging_file=False,  # the tables alone go to the output
        )
    return tables


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table whose first column is text."""
    print(f"\n| {' | '.join(columns)} |\n| --- |{' ---: |' * (len(columns) - 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def rows_of(images: Images, ways: Mapping[str, ByImage]) -> list[list[str]]:
    """Return the rows of one collection: the finder's subsets, then those of the stricter rule and of the blobs."""
    rows = []
    for way, rule in ((FINDER, HIT_RULES[0]), (FINDER, HIT_RULES[1]), (BLOBS, HIT_RULES[0])):
        if way not in ways:
            continue
        judged = Judged(images, ways[way], rule)
        chosen = judged.subsets()
        if (way, rule) != (FINDER, HIT_RULES[0]):
            chosen = {"all masses": judged.all_masses(), "malignant": judged.malignant()}
        before = {FINDER: "" if rule == HIT_RULES[0] else "IoU 0.2: ", BLOBS: f"{BLOBS}: "}[way]
        rows += [
            [before + name, str(int(subset.sum())), *judged.sensitivity(subset)] for name, subset in chosen.items()
        ]
    return rows


def print_operating_points(collections: Mapping[str, Images], found: ByImage) -> None:
    """Print the thresholds of one false finding an image, and what the chosen one brings of each collection."""
    everything = [image for images in collections.values() for image in images]
    sets = {**collections, "both, images counting alike": everything} if len(collections) > 1 else dict(collections)
    folds = sorted({image["fold"] for image in everything})
    rows = []
    for name, images in sets.items():
        judged = Judged(images, found)
        by_fold = [Judged(each, found).threshold(1.0) if (each := _of(images, fold)) else None for fold in folds]
        rows.append(
            [name]
            + [f"{judged.threshold(rate):.3f}" for rate in FALSE_FINDINGS]
            + ["" if each is None else f"{each:.3f}" for each in by_fold]
        )
    print("\nConfidence at so many false findings an image, all proposals counting, and at one in each fold:")
    print_table(["mammograms", *(f"{rate:g}" for rate in FALSE_FINDINGS), *(f"fold {n}: 1" for n in folds)], rows)
    chosen = round(Judged(everything, found).threshold(1.0), 2)
    rows = []
    for name, images in sets.items():
        judged = Judged(images, found, most=MOST)
        sensitivity, false = judged.at_threshold(chosen, judged.all_masses())
        rows.append([name, str(len(images)), sensitivity, judged.at_threshold(chosen, judged.malignant())[0], false])
    print(f"\n`find_threshold` **{chosen:.2f}**, at most {MOST} findings an image:")
    print_table(["mammograms", "images", "masses found", "malignant masses found", "false findings an image"], rows)


def _of(images: Images, fold: int) -> Images:
    return [image for image in images if image["fold"] == fold]


def draw(collections: Mapping[str, Images], ways: Mapping[str, ByImage], path: Path) -> None:
    """Draw the free-response curves, a panel a collection."""
    figure, axes = plt.subplots(1, len(collections), figsize=(4.5 * len(collections), 4), sharey=True, squeeze=False)
    for panel, (name, images) in zip(axes[0], collections.items(), strict=True):
        for way, found in ways.items():
            colour = "C0" if way == FINDER else "C7"
            for rule in HIT_RULES:
                judged = Judged(images, found, rule)
                line = "-" if rule == HIT_RULES[0] else "--"
                label = f"{way}, {rule if rule == HIT_RULES[0] else 'IoU 0.2'}"
                panel.plot(*judged.curve(judged.all_masses()), line, color=colour, label=label)
                if rule == HIT_RULES[0]:
                    panel.plot(
                        *judged.curve(judged.malignant()), ":", color=colour, label=f"{way}, malignant masses, {rule}"
                    )
        panel.set(xscale="log", xlabel="false findings per image", title=f"{name} ({len(images)} images)", ylim=(0, 1))
        panel.grid(alpha=0.3)
    axes[0, 0].set_ylabel("masses found")
    axes[0, -1].legend(loc="lower right", fontsize=7)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("findings", type=Path, nargs="*", help="findings.csv of the folds that were held out")
    parser.add_argument("--folds", type=Path, help="folder of fold_N/model.pt, each of which judges fold N")
    parser.add_argument("--datalist", type=Path, required=True)
    parser.add_argument("--figure", type=Path, help="where the free-response curves go, PNG or SVG")
    parser.add_argument("--no-blobs", action="store_true", help="leave the trivial neighbour out")
    arguments = parser.parse_args()
    tables = list(arguments.findings)
    if arguments.folds:
        tables += judged_by_folds(arguments.folds, arguments.data, arguments.datalist)
    if not tables:
        parser.error("there is nothing to judge: give findings.csv, or --folds with a folder of fold_N/model.pt")
    found = pd.concat([pd.read_csv(path) for path in tables])
    twice = found.groupby("image")["fold"].nunique() > 1
    if twice.any():
        parser.error(f"{twice.idxmax()} stands in the findings of two folds; expected that which was held out")
    images = mammograms(read_datalist(arguments.datalist, arguments.data))
    for image in images:
        image["name"] = relative_name(image["image"], arguments.data)
    seen = set(found["image"])
    images = [image for image in images if image["name"] in seen and image.get("clean", True) and image["boxes"]]
    named = {name: [i for i in images if i["collection"] == collection] for collection, name in SHOWN.items()}
    collections = {name: of_one for name, of_one in named.items() if of_one}
    ways: dict[str, ByImage] = {FINDER: dict(list(found.groupby("image")))}
    if not arguments.no_blobs:
        ways[BLOBS] = dict(list(blobs(images).groupby("image")))
    columns = ["masses", "n", *(f"{rate:g}" for rate in FALSE_FINDINGS)]
    short = []
    for name, of_one in collections.items():
        patients = len({image["case"] for image in of_one})
        folds = sorted({image["fold"] for image in of_one})
        print(f"\n{name.capitalize()}, {len(of_one)} images of {patients} patients, folds {folds}:")
        rows = rows_of(of_one, ways)
        print_table(columns, rows)
        overlaps = [f"{Judged(of_one, ways[FINDER], rule).overlap():.2f} ({rule})" for rule in HIT_RULES]
        print(f"\nMedian IoU of hits at one false finding an image: {', '.join(overlaps)}")
        short += [[f"{name}, {row[0]}", *row[1:]] for row in rows if row[0].endswith(("all masses", "malignant"))]
    print("\nFor the model's page:")
    print_table(columns, short)
    print_operating_points(collections, ways[FINDER])
    if arguments.figure:
        draw(collections, ways, arguments.figure)


if __name__ == "__main__":
    main()
