"""More masses to learn the class from: those of whole CBIS-DDSM mammograms, outlined by a network in their boxes.

    python benchmarks/outlined_views.py DATA masses.json model.pt OUT

`cbis_views` of DATA has a box and a class for each mass of CBIS-DDSM's training split, in its surroundings, also for
those that are not among the crops, and no masks. The network outlines them; the class stays that of the table. OUT
gets the outlines as label maps, and `datalist.json`: the masses of `masses.json` (of mass_data.py) and these, with
paths from the root of the file system, since DATA and OUT lie apart: train with `--dataset_dir /`. A patient has the
fold that it has in `masses.json`; masses without a class, and those of the example patients, are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from finder_data import example_patients, film
from mass_data import CROPS
from PIL import Image

from monai_rescunet import predict
from monai_rescunet.data import read_datalist, write_datalist

VIEWS = "cbis_views"
ROOT = Path("/")


def classified(data: Path, masses: list[dict[str, Any]]) -> dict[Path, list[dict[str, Any]]]:
    """Return the masses of each mammogram that have a class, a patient in the fold that it has already."""
    folds = {Path(entry["case"]).name: entry["fold"] for entry in masses if entry["collection"] == CROPS}
    left_out = example_patients()
    views: dict[Path, list[dict[str, Any]]] = {}
    for entry in film(data / VIEWS):
        case = entry["case"]
        if "class" in entry and case not in left_out:
            mass = {name: entry[name] for name in ("class", "box", "collection")}
            mass |= {"case": f"{CROPS}/{case}", "fold": folds.get(case, entry["fold"])}
            views.setdefault(data / entry["image"], []).append(mass)
    return views


def outlined(image: Path, masses: list[dict[str, Any]], checkpoint: Path, folder: Path) -> list[dict[str, Any]]:
    """Return the masses of a mammogram that the network sees in their boxes, each with its outline in a file."""
    size = Image.open(image).size * 2
    boxes = [np.clip(mass["box"], 0, size).tolist() for mass in masses]
    entries = []
    for number, (mass, box, found) in enumerate(
        zip(masses, boxes, predict(image, box=boxes, checkpoint=str(checkpoint)), strict=True)
    ):
        if found["mask"].any():
            path = folder / f"{image.stem}_{number}.png"
            Image.fromarray(found["mask"].T).save(path)
            entries.append(mass | {"image": str(image), "label": str(path), "mass": number, "box": box})
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("masses", type=Path, help="datalist whose masses come first")
    parser.add_argument("checkpoint", type=Path, help="the network that outlines")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    data, out = arguments.data.resolve(), arguments.out.resolve()
    masses = read_datalist(arguments.masses, data)
    views = classified(data, masses)
    (out / "masks").mkdir(parents=True, exist_ok=True)
    new = [
        entry
        for image, own in views.items()
        for entry in outlined(image, own, arguments.checkpoint, out / "masks")
    ]  # fmt: skip
    for entry in [*masses, *new]:
        entry |= {name: str(Path(entry[name]).relative_to(ROOT)) for name in ("image", "label")}
    write_datalist(out / "datalist.json", [*masses, *new])
    print(f"{len(new)} of {sum(map(len, views.values()))} masses outlined, beside {len(masses)}")


if __name__ == "__main__":
    main()
