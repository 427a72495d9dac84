"""`prepare`: the datalist of a collection."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from monai_rescunet.data import CollectionReport

__all__ = ["prepare"]

SOMETHING_LEFT_OUT = 3
"""Exit status of a command that is done but for what it said to have left out."""

prepare = typer.Typer(help="Write a MONAI datalist for a collection.", no_args_is_help=True)

Out = Annotated[Path, typer.Option(help="The datalist to write.")]
Folds = Annotated[int, typer.Option(min=2, help="Folds, grouped by case.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the folds.")]
Strict = Annotated[bool, typer.Option(help="Stop at the first problem.")]


@prepare.command("folder")
def prepare_folder(
    roots: Annotated[list[Path], typer.Argument(help="Folder of images; several become one collection.")],
    out: Out,
    crops: Annotated[list[Path] | None, typer.Option(help="One of them whose images are crops of one mass.")] = None,
    folds: Folds = 3,
    seed: Seed = 0,
    strict: Strict = False,
) -> None:
    """Write the datalist of a folder: labels.csv, benign/ and malignant/, or images with masks or boxes.csv."""
    from monai_rescunet.data import prepare_folder as prepare_images

    _check_out(out)
    _write(out, prepare_images(roots, crops=crops or (), n_splits=folds, seed=seed, strict=strict))


@prepare.command("boxes")
def prepare_boxes(
    root: Annotated[Path, typer.Argument(help="Folder of images with files of COCO, YOLO, Pascal VOC or LabelMe.")],
    out: Annotated[Path, typer.Option(help="The table to write: boxes.csv in the same folder.")],
    name: Annotated[
        list[str] | None,
        typer.Option(help="What objects of a name are: NAME=benign, malignant, mass or ignore; one for each name."),
    ] = None,
    strict: Strict = False,
) -> None:
    """Write the boxes of an annotation program as boxes.csv, which `prepare folder` reads."""
    from monai_rescunet.core.errors import InputError
    from monai_rescunet.core.files import write_atomically
    from monai_rescunet.data.collections.boxes import COLUMNS, convert_boxes

    if out.exists():
        raise InputError(f"{out}: is there already and is not written over; name another file, or remove it")
    pairs = [pair.rpartition("=") for pair in name or ()]
    if not all(called and meaning for called, _, meaning in pairs):
        raise InputError("--name has to be NAME=benign, NAME=malignant, NAME=mass or NAME=ignore")
    rows, problems = convert_boxes(root, {called: meaning for called, _, meaning in pairs}, strict=strict)
    content = io.StringIO(newline="")
    writer = csv.DictWriter(content, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out, content.getvalue())
    for problem in problems:
        typer.echo(f"left out: {problem}", err=True)
    blank = sum(not row["x_min"] for row in rows)
    typer.echo(f"wrote {out}: {len(rows) - blank} masses, {blank} images without one")
    if problems:
        raise typer.Exit(SOMETHING_LEFT_OUT)


@prepare.command("inbreast")
def prepare_inbreast(
    root: Annotated[Path, typer.Argument(help="Folder with INbreast.csv, AllDICOMs and AllXML.")],
    out: Out,
    folds: Folds = 3,
    seed: Seed = 0,
    strict: Strict = False,
    spiculated: Annotated[bool, typer.Option(help="Take spiculated regions for masses as well.")] = False,
) -> None:
    """Write the datalist of INbreast: one entry a mass, its contour drawn from the XML when it is needed."""
    from monai_rescunet.data import prepare_inbreast as prepare_collection

    _check_out(out)
    _write(out, prepare_collection(root, n_splits=folds, seed=seed, strict=strict, spiculated=spiculated))


@prepare.command("cbis-ddsm")
def prepare_cbis_ddsm(
    root: Annotated[Path, typer.Argument(help="Folder with the tables of masses and the folders Mass-Training_...")],
    out: Out,
    folds: Folds = 3,
    seed: Seed = 0,
    strict: Strict = False,
) -> None:
    """Write the datalist of CBIS-DDSM: one entry a mass, the published test set kept aside."""
    from monai_rescunet.data import prepare_cbis_ddsm as prepare_collection

    _check_out(out)
    _write(out, prepare_collection(root, n_splits=folds, seed=seed, strict=strict))


def _check_out(out: Path) -> None:
    """Refuse an output before the work is done for it."""
    from monai_rescunet.data.datalists.datalist import check_replaceable

    check_replaceable(out)


def _write(out: Path, report: CollectionReport) -> None:
    """Write a collection's datalist and tell what it holds."""
    from monai_rescunet.data import write_datalist

    write_datalist(out, report.entries, report.testing)
    for problem in report.problems:
        typer.echo(f"left out: {problem}", err=True)
    typer.echo(report.summary())
    typer.echo(f"wrote {out}; its paths are relative to {report.dataset_dir}")
    if report.problems:
        raise typer.Exit(SOMETHING_LEFT_OUT)
