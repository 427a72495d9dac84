"""One page with everything an experiment found: tables, figures, every mass, data and environment. It opens offline."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from skimage.segmentation import find_boundaries

from monai_rescunet.core.classes import CLASS_VALUES, COLOURS, NO_LESION, UNDECIDED
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import png_bytes, write_atomically
from monai_rescunet.experiments.finished import Results, read_results
from monai_rescunet.experiments.tables import make_tables, write_table

try:
    from jinja2 import Environment

    from monai_rescunet.experiments.figures import figure_bytes, make_figures, write_figure
except ImportError as error:
    raise InputError(
        f"a report needs {error.name}, which is not installed: pip install 'monai-rescunet[report]'"
    ) from error

__all__ = ["write_report"]

TRUTH = (0, 158, 115)
SHOWN_SETTINGS = (
    "max_epochs", "batch_size", "learning_rate", "features", "roi_mode", "roi_context", "roi_size", "tone_median",
    "tone_contrast", "otsu_mode", "otsu_levels", "kappa", "lesion_floor", "malignant_share", "test_time_flips", "seed",
)  # fmt: skip


def write_report(folder: Path, out: Path) -> Path:
    """Write tables, figures and the page of an experiment's finished runs.

    Args:
        folder: what `monai-rescunet experiment` wrote.
        out: gets `report.html`, `tables` (Markdown, CSV, LaTeX) and `figures` (SVG, PDF, PNG).

    Returns:
        The page, one file that needs no other.

    Raises:
        InputError: no run is finished.
    """
    results = read_results(folder)
    tables, plots = make_tables(results), make_figures(results)
    for table in tables:
        write_table(table, out / "tables")
    for plot in plots:
        write_figure(plot, out / "figures")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        files("monai_rescunet.experiments").joinpath("report.html.jinja").read_text(encoding="utf-8")
    )
    network, supervision = _shown(results)
    page = template.render(
        tables=[{"caption": table.caption, "cells": table.cells} for table in tables],
        figures=[{"caption": p.caption, "source": _source(figure_bytes(p.figure, "svg"), "svg+xml")} for p in plots],
        gallery=_gallery(results, network, supervision),
        network=network,
        supervision=supervision,
        data=_data(results),
        settings={name: results.config[name] for name in SHOWN_SETTINGS if name in results.config},
        changed=results.settings,
        environments=_environments(results),
        runs=len(results.runs),
        waiting=results.waiting,
    )
    path = out / "report.html"
    write_atomically(path, page)
    return path


def _shown(results: Results) -> tuple[str, str]:
    """Return the configuration whose masses the gallery shows."""
    of_reference = [pair for pair in results.configurations if pair[0] == results.reference]
    return of_reference[-1]  # mixed, where there is one


def _gallery(results: Results, network: str, supervision: str) -> list[dict[str, Any]]:
    """Return what the page says of each mass, the worst Dice first."""
    masses = results.of(network, supervision)
    maps = results.maps(network, supervision)
    entries = []
    for index in masses["dice"].argsort():
        row = masses.iloc[index]
        decision = None if pd.isna(row["decision"]) else row["decision"]
        picture = _picture(maps["image"][index], maps["truth"][index], maps["map"][index], row["lambda1"], decision)
        entries.append(
            {
                "name": row["image"] if not row["mass"] else f"{row['image']}, mass {row['mass']}",
                "class": row["class"],
                "decision": decision or "-",
                "right": decision is None or decision == row["class"],
                "dice": float(row["dice"]),
                "score": None if pd.isna(row["score"]) else float(row["score"]),
                "source": _source(png_bytes(picture), "png"),
            }
        )
    return entries


def _picture(image: np.ndarray, truth: np.ndarray, m: np.ndarray, lambda1: float, decision: str | None) -> Image.Image:
    """Return the region of interest with both outlines, and beside it the map M."""
    grey = np.repeat(image.T[..., None], 3, axis=2)
    found = (lambda1 < m.T) & (decision != NO_LESION)
    grey[find_boundaries(truth.T > 0, mode="inner")] = TRUTH
    value = CLASS_VALUES.get(decision, UNDECIDED) if decision else UNDECIDED
    grey[find_boundaries(found, mode="inner")] = COLOURS[value]
    both = np.concatenate([grey, np.repeat(m.T[..., None], 3, axis=2)], axis=1)
    return Image.fromarray(both)


def _data(results: Results) -> list[dict[str, Any]]:
    """Return the counts of each fold."""
    network, supervision = _shown(results)
    rows = []
    for fold, masses in results.of(network, supervision).groupby("fold"):
        classes = Counter(masses["class"])
        rows.append({"fold": fold, "masses": len(masses), "cases": masses["case"].nunique(), **classes})
    return rows


def _environments(results: Results) -> list[str]:
    """Return what the runs ran with, each different answer once."""
    told = []
    for folder in results.runs["folder"]:
        for attempt in json.loads((Path(folder) / "environment.json").read_text(encoding="utf-8")):
            packages = ", ".join(f"{name} {version}" for name, version in attempt.pop("packages").items())
            attempt.pop("started", None)
            rest = ", ".join(f"{name} {value}" for name, value in attempt.items() if value is not None)
            told.append(f"{rest}; {packages}")
    return list(dict.fromkeys(told))


def _source(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
