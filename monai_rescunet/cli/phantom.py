"""`phantom`: made-up mammograms to try things out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["phantom"]


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    count: Annotated[int, typer.Option(min=1)] = 12,
    seed: Annotated[int, typer.Option()] = 0,
    size: Annotated[tuple[int, int], typer.Option(help="Columns and rows.")] = (1000, 1000),
) -> None:
    """Make phantom mammograms with masses, to try things out; figures on them are no evidence."""
    from monai_rescunet.data import make_phantoms

    made = make_phantoms(out, count=count, size=size, seed=seed)
    typer.echo(f"wrote {len(made)} phantoms with their masks and labels.csv to {out}")
