"""`calibrate`: a site's own levels and probability."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

__all__ = ["calibrate"]

USEFUL = 30
"""Masses of a site from which on its calibration is worth something, docs/train.md."""


def calibrate(
    data: Annotated[Path, typer.Argument(help="Folder that the datalist's paths are relative to.")],
    datalist: Annotated[Path, typer.Argument(help="The site's own masses with their classes, from `prepare`.")],
    out: Annotated[Path, typer.Option(help="The file to write, for predict's --site.")],
    checkpoint: Annotated[Path | None, typer.Option(help="Other weights than the bundle's.")] = None,
    fold: Annotated[str, typer.Option(help="One fold of the datalist.")] = "all",
) -> None:
    """Fit the Otsu levels and the probability to a site's own labelled masses; the weights stay as they are."""
    from monai_rescunet.core.errors import InputError
    from monai_rescunet.decisions.calibration import require_replaceable, write_calibration
    from monai_rescunet.decisions.site import interval, site_figures
    from monai_rescunet.inference.site import calibrate_on, plot_reliability

    require_replaceable(out)
    plot = out.with_name(f"{out.stem}_reliability.png")
    if plot.is_dir() or (plot.exists() and not out.exists()):
        raise InputError(f"{plot}: is there already and is not written over; name another file, or remove it")
    found = calibrate_on(data, datalist, checkpoint, fold)
    masses = found.masses
    table = Table("", "before", "after, nested")
    figures = site_figures()
    cells = {}
    for name, figure in figures.items():
        value, low, high = interval(masses, figure)
        cells[name] = "" if math.isnan(value) else f"{value:.3f} ({low:.3f} to {high:.3f})"  # NaN: none before
    for name in (name.removesuffix(", before") for name in figures if name.endswith(", before")):
        table.add_row(name, cells[f"{name}, before"], cells[f"{name}, after"])
    for name in (name for name in figures if "," not in name):
        table.add_row(name, cells[name], "")
    console = Console()
    console.print(table)
    malignant = int(masses.malignant.sum())
    write_calibration(found.calibration, out)
    console.print(
        f"{len(masses)} masses of {masses.case.nunique()} cases, {malignant} malignant; 95 % intervals over cases; "
        f"levels {list(found.calibration.levels or ())}"
    )
    if len(masses) < USEFUL:
        console.print(f"[yellow]{len(masses)} masses are few: what they gain may be chance; {USEFUL} are useful.[/]")
    picture = plot_reliability(masses, plot)
    console.print(f"wrote {out}" + (f" and {picture}" if picture else "; the reliability plot needs matplotlib"))
