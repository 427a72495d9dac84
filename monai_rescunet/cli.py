"""The command line, `monai-rescunet`: one subcommand a task, each a call of the library."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from monai_rescunet import __version__
from monai_rescunet.classes import MALIGNANT, WHOLE_IMAGE
from monai_rescunet.errors import InputError

_SHOWN = ("image", "mass", "decision", "score", "lambda1", "lambda2", "area_px", "area_mm2", "dice")
_FORMATS: dict[str, Callable[[Any], str]] = {
    "image": lambda name: Path(name).name,
    "score": "{:.2f}".format,
    "dice": "{:.2f}".format,
    "area_mm2": "{:.1f}".format,
    "lambda1": "{:.0f}".format,
    "lambda2": "{:.0f}".format,
}

app = typer.Typer(
    help="Outline masses in mammograms and tell benign from malignant. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
prepare = typer.Typer(help="Write a MONAI datalist for a collection.", no_args_is_help=True)
app.add_typer(prepare, name="prepare")


def main() -> None:
    """Run the command line; bad input ends it with one line and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("ignite").setLevel(logging.CRITICAL)  # an engine logs the error that is told below
    try:
        app()
    except InputError as error:
        sys.exit(f"monai-rescunet: {error}")


def _version(show: bool) -> None:
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="PNG, JPEG, TIFF, PGM, DICOM or NIfTI.")],
    box: Annotated[list[str] | None, typer.Option(help="x0,y0,x1,y1 in pixels round a mass; may be repeated.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="x,y in pixels in a mass; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for label maps, overlays and results.csv.")] = Path("predictions"),
    otsu_mode: Annotated[str, typer.Option(help="anchored or paper.")] = "anchored",
) -> None:
    """Outline the masses of images and decide whether they look benign or malignant."""
    from monai_rescunet.inference import predict as predict_masses

    predict_masses(
        images,
        box=[_numbers(text, "--box", 4) for text in box or []] or None,
        point=[_numbers(text, "--point", 2) for text in point or []] or None,
        out=out,
        otsu_mode=otsu_mode,
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


@app.command()
def show(results: Annotated[Path, typer.Argument(help="A results.csv that inference wrote.")]) -> None:
    """Print the results of inference as a table."""
    if not results.is_file():
        raise InputError(f"{results}: there is no such file; run inference first")
    table = pd.read_csv(results)
    told = [name for name in _SHOWN if name in table and table[name].notna().any()]
    columns = {name: _FORMATS.get(name, str) for name in told if name != "mass" or table[name].any()}
    view = Table(*columns)
    for row in table[list(columns)].to_dict("records"):
        cells = ["" if pd.isna(row[name]) else form(row[name]) for name, form in columns.items()]
        view.add_row(*cells, style="red" if row["decision"] == MALIGNANT else None)
    console = Console()
    console.print(view)
    unlocated = int((table["box"] == WHOLE_IMAGE).sum()) if "box" in table else 0
    if unlocated:
        console.print(
            f"[yellow]{unlocated} of them are of a whole image: nothing said where its mass is, and the network "
            "expects one that fills most of what it sees. Give a box.[/]"
        )
    console.print(f"{len(table)} masses; every column, label maps and overlays in {results.parent}")


@app.command()
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


@prepare.command("folder")
def prepare_folder(
    roots: Annotated[list[Path], typer.Argument(help="Folder of images; several become one collection.")],
    out: Annotated[Path, typer.Option(help="The datalist to write.")],
    folds: Annotated[int, typer.Option(min=2, help="Folds, grouped by case.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the folds.")] = 0,
    strict: Annotated[bool, typer.Option(help="Stop at the first problem.")] = False,
) -> None:
    """Write the datalist of a folder: labels.csv, benign/ and malignant/, or images with masks or boxes.csv."""
    from monai_rescunet.data import prepare_folder as prepare_images
    from monai_rescunet.data import write_datalist

    report = prepare_images(roots, n_splits=folds, seed=seed, strict=strict)
    write_datalist(out, report.entries)
    for problem in report.problems:
        typer.echo(f"left out: {problem}", err=True)
    typer.echo(report.summary())
    typer.echo(f"wrote {out}; its paths are relative to {report.dataset_dir}")


if __name__ == "__main__":
    main()
