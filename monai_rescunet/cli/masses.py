"""`predict` and `show`: the masses of images, where they are, their outlines and classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monai_rescunet.core.classes import MALIGNANT, NO_FINDING
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.remarks import remarks_of

__all__ = ["predict", "show"]


def _rounded(box: str) -> str:
    """Return a box or point of the table in whole pixels; words stay."""
    try:
        return " ".join(f"{float(edge):.0f}" for edge in box.split())
    except ValueError:
        return box


_SHOWN = ("image", "mass", "box", "found", "decision", "score", "probability", "unlike_training", "area_mm2", "dice")
_FORMATS: dict[str, Callable[[Any], str]] = {
    "image": lambda name: Path(name).name,
    "box": _rounded,
    "found": "{:.2f}".format,
    "score": "{:.2f}".format,
    "probability": "{:.2f}".format,
    "unlike_training": "{:.3f}".format,
    "dice": "{:.2f}".format,
    "area_mm2": "{:.1f}".format,
}


class OtsuMode(StrEnum):
    """The modes that need nothing fitted beforehand."""

    ANCHORED = "anchored"
    PAPER = "paper"


def predict(
    images: Annotated[list[Path], typer.Argument(help="PNG, JPEG, TIFF, PGM, DICOM or NIfTI.")],
    box: Annotated[list[str] | None, typer.Option(help="x0,y0,x1,y1 in pixels round a mass; may be repeated.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="x,y in pixels in a mass; may be repeated.")] = None,
    crop: Annotated[
        bool, typer.Option("--crop", help="The images are crops of one mass each, looked at whole.")
    ] = False,
    true_size: Annotated[
        str | None, typer.Option(help="columns,rows that the images had before they were stretched, for the finder.")
    ] = None,
    find_threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Least confidence of a finding. If left out, the bundle's, for one false finding an image: with so "
            "many, 0.68 (0.66 to 0.72) of the masses of held-out mammograms were found.",
        ),
    ] = None,
    max_findings: Annotated[int | None, typer.Option(min=1, help="Findings of an image at most; likewise.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for label maps, overlays and results.csv.")] = Path("predictions"),
    otsu_mode: Annotated[OtsuMode, typer.Option(help="How the grey map is thresholded.")] = OtsuMode.ANCHORED,
    strict: Annotated[bool, typer.Option(help="Stop at the first unreadable image.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on where a run into the folder stopped.")] = False,
    num_workers: Annotated[int, typer.Option(min=0, help="Processes that read images ahead.")] = 0,
    site: Annotated[Path | None, typer.Option(help="File of `calibrate`: your site's levels and probability.")] = None,
    dicom: Annotated[
        list[str] | None, typer.Option(help="seg, sr, cad or sc: a DICOM result of DICOM images; may be repeated.")
    ] = None,
) -> None:
    """Find the masses of mammograms, outline them and decide whether they look benign or malignant.

    With a box or --crop the finder does not look: they say where the mass is. A point gets the finder's box round it.
    """
    from monai_rescunet.inference.run import run_inference

    chosen: dict[str, Any] = {"find_threshold": find_threshold, "max_findings": max_findings}
    run_inference(
        images,
        box=[_numbers(text, "--box", 4) for text in box or []] or None,
        point=[_numbers(text, "--point", 2) for text in point or []] or None,
        crop=crop,
        true_size=None if true_size is None else _numbers(true_size, "--true-size", 2),
        out=out,
        **{name: value for name, value in chosen.items() if value is not None},
        otsu_mode=otsu_mode.value,
        strict=strict,
        resume=resume,
        num_workers=num_workers,
        site=None if site is None else str(site),
        dicom=dicom or [],
    )
    show(out / "results.csv")


def _numbers(text: str, option: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise InputError(f"{option} is {text!r}; expected {count} numbers with commas between them")
    return numbers


def show(results: Annotated[Path, typer.Argument(help="A results.csv that inference wrote.")]) -> None:
    """Print the results of inference as a table."""
    if not results.is_file():
        raise InputError(f"{results}: there is no such file; run inference first")
    try:
        numbers = dict.fromkeys(_FORMATS.keys() - {"image", "box"}, float)
        table = pd.read_csv(
            results, dtype={"image": str, **numbers}, encoding_errors="surrogateescape",
            keep_default_na=False, na_values=[""],  # NA is a name
        )  # fmt: skip
    except (OSError, ValueError) as error:  # not to be read, empty, no UTF-8, or text where numbers belong
        raise InputError(f"{results}: is no table ({error}); expected a results.csv that inference wrote") from error
    if not {"image", "decision"} <= set(table):
        raise InputError(
            f"{results}: has the columns {', '.join(map(str, table))}; expected a results.csv that inference wrote"
        )
    shown = [name for name in _SHOWN if name in table and table[name].notna().any()]
    columns = {name: _FORMATS.get(name, str) for name in shown if name != "mass" or table[name].any()}
    paths = set(table["image"].dropna())
    if len({Path(path).name for path in paths}) < len(paths):
        columns["image"] = str  # with its folders
    view = Table(*columns)
    rows = table.to_dict("records")
    for row in rows:
        cells = ["" if pd.isna(row[name]) else escape(form(row[name])) for name, form in columns.items()]
        if remarks_of(row) and "decision" in columns:
            cells[list(columns).index("decision")] += " *"
        view.add_row(*cells, style="red" if row.get("decision") == MALIGNANT else None)
    console = Console()
    console.print(view)
    remarks = Counter(remark for row in rows for remark in remarks_of(row))
    if remarks:
        told = ", ".join(f"{remark} ({count})" for remark, count in remarks.most_common())
        console.print(f"[yellow]* to be read with care, see the column remarks: {escape(told)}.[/]")
    console.print(f"{_summary(table)}. Every column, label maps and overlays: {escape(str(results.parent))}")
    page = results.parent / "index.html"
    if page.is_file():
        console.print(f"To look at, in a browser: {escape(str(page))}")


def _summary(table: pd.DataFrame) -> str:
    """Return how many masses there are, and where none was found."""
    empty = table["decision"] == NO_FINDING
    masses = int((~empty).sum())
    summary = "1 mass" if masses == 1 else f"{masses} masses"
    proposed = int(table.loc[~empty, "found"].notna().sum()) if "found" in table else 0
    if proposed:
        summary += f", {'all' if proposed == masses else proposed} of them where the finder looked"
    if empty.any():
        summary += (
            f"; in {int(empty.sum())} of {table['image'].nunique()} images nothing was found, which is no all-clear"
        )
    return summary
