"""The finished runs of an experiment, read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from monai_rescunet.core.errors import InputError
from monai_rescunet.experiments.experiment import SUPERVISIONS
from monai_rescunet.networks import NETWORKS

__all__ = ["Results", "read_results"]

NAMES = {"image": str, "case": str}
"""Columns that are read as they stand: a case may be called NA, or 0012."""


@dataclass(frozen=True)
class Results:
    """Finished runs.

    Attributes:
        folder: where they lie.
        runs: a row a run: `network, path, supervision, fold, folder` and what `finished.json` says.
        masses: the rows of all `per_image.csv` with `network` and `supervision`; `row` is a mass's place in its run's
            maps.
        settings: what the experiment changed in train.yaml.
        waiting: names of runs that are not finished.
    """

    folder: Path
    runs: pd.DataFrame
    masses: pd.DataFrame
    settings: dict[str, Any]
    waiting: list[str]

    @cached_property
    def configurations(self) -> list[tuple[str, str]]:
        """Pairs of network and supervision, in the paper's order, other networks before them."""
        order = {name: place for place, name in enumerate(NETWORKS)}
        pairs = set(zip(self.runs["network"], self.runs["supervision"], strict=True))
        return sorted(pairs, key=lambda pair: (order.get(pair[0], -1), pair[0], SUPERVISIONS.index(pair[1])))

    @cached_property
    def config(self) -> dict[str, Any]:
        """Config of the first run; all have the same settings."""
        text = (Path(self.runs["folder"].iloc[0]) / "config.yaml").read_text(encoding="utf-8")
        return dict(yaml.safe_load(text))

    @property
    def networks(self) -> list[str]:
        """Networks, in the same order."""
        return list(dict.fromkeys(network for network, _ in self.configurations))

    @property
    def reference(self) -> str:
        """The network that the others are compared with: ResCU-Net, or the last one where it did not take part."""
        return "ResCU-Net" if "ResCU-Net" in self.networks else self.networks[-1]

    def of(self, network: str, supervision: str) -> pd.DataFrame:
        """Return the masses of one configuration, ordered by image and mass."""
        chosen = (self.masses["network"] == network) & (self.masses["supervision"] == supervision)
        return self.masses[chosen].sort_values(["image", "mass"], ignore_index=True)

    def folders(self, network: str, supervision: str) -> dict[int, Path]:
        """Return the run's folder of each fold of one configuration."""
        chosen = self.runs[(self.runs["network"] == network) & (self.runs["supervision"] == supervision)]
        return {int(fold): Path(folder) for fold, folder in zip(chosen["fold"], chosen["folder"], strict=True)}

    def maps(self, network: str, supervision: str) -> dict[str, np.ndarray]:
        """Return `image`, `truth` and `map` of the masses of one configuration, in the order of `of`.

        Each is `(masses, columns, rows)`, uint8, as `monai_rescunet.handlers.SaveMaps` describes them.
        """
        masses = self.of(network, supervision)
        arrays: dict[str, list[Any]] = {name: [None] * len(masses) for name in ("image", "truth", "map")}
        for fold, folder in self.folders(network, supervision).items():
            own = masses.index[masses["fold"] == fold]
            with np.load(folder / "maps.npz") as file:
                for name, kept in arrays.items():
                    stored = file[name]
                    for index in own:
                        kept[index] = stored[masses.at[index, "row"]]
        return {name: np.stack(kept) for name, kept in arrays.items()}


def read_results(folder: Path) -> Results:
    """Read the finished runs of an experiment.

    Raises:
        InputError: there are none, or one has two masses that cannot be told apart.
    """
    runs, tables = [], []
    for marker in sorted(folder.glob("*/finished.json")):
        run = json.loads(marker.read_text(encoding="utf-8"))
        runs.append({**run, "folder": str(marker.parent)})
        path = marker.parent / "per_image.csv"
        blank = {str(name): [""] for name in pd.read_csv(path, nrows=0) if name not in NAMES}
        table = pd.read_csv(path, dtype={**NAMES, "decision": str}, keep_default_na=False, na_values=blank)
        if table.duplicated(["image", "mass"]).any():
            raise InputError(
                f"{path}: has two masses of one number in an image, which cannot be told "
                "apart; number them in the datalist and repeat the experiment in another folder"
            )
        table = table.assign(network=run["network"], supervision=run["supervision"], row=range(len(table)))
        tables.append(table.assign(case=table["case"].where(table["case"] != "", table["image"])))
    if not runs:
        raise InputError(f"{folder}: has no finished run; make some with `monai-rescunet experiment`")
    started = {path.parent.name for path in folder.glob("*/lock")}
    return Results(
        folder=folder,
        runs=pd.DataFrame(runs),
        masses=pd.concat(tables, ignore_index=True),
        settings=json.loads((folder / "experiment.json").read_text(encoding="utf-8"))["settings"],
        waiting=sorted(started - {Path(run["folder"]).name for run in runs}),
    )
