"""`phantom`: made-up mammograms to try things out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["phantom"]


class Layout(StrEnum):
    """What the folder looks like."""

    FOLDER = "folder"
    INBREAST = "inbreast"
    CBIS_DDSM = "cbis-ddsm"


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    layout: Annotated[
        Layout, typer.Option(help="folder: PNG crops, masks and labels.csv; the others: whole mammograms as DICOM.")
    ] = Layout.FOLDER,
    count: Annotated[int, typer.Option(min=1, help="Images.")] = 12,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    size: Annotated[
        tuple[int, int] | None, typer.Option(help="Columns and rows.", show_default="1000 1000, or those of a detector")
    ] = None,
) -> None:
    """Make phantom mammograms with masses, to try things out; figures on them are no evidence."""
    from monai_rescunet.data import make_cbis_ddsm_phantoms, make_inbreast_phantoms, make_phantoms

    if layout == Layout.FOLDER:
        made = len(make_phantoms(out, count=count, size=size or (1000, 1000), seed=seed))
    else:
        make = make_inbreast_phantoms if layout == Layout.INBREAST else make_cbis_ddsm_phantoms
        made = len(make(out, count=count, size=size, seed=seed))
    typer.echo(f"wrote {made} phantoms to {out}; read them with `monai-rescunet prepare {layout} {out}`")
