"""`bundle`: the MONAI bundle out of the installed package."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError

__all__ = ["bundle"]


def bundle(out: Annotated[Path, typer.Argument(help="Folder to write; new or empty.")]) -> None:
    """Write the MONAI bundle, its configs, docs and weights, to a folder of your own."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out}: is there already; expected a new or an empty folder: choose another one")
    out, root = out.resolve(), bundle_root().resolve()
    if out.is_relative_to(root):
        raise InputError(f"{out}: lies in the bundle that is copied, {root}: choose a folder elsewhere")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
            # `runs` is where the configs write to unless told otherwise
            whole = shutil.copytree(root, Path(temporary) / out.name, ignore=shutil.ignore_patterns("runs"))
            out.mkdir(exist_ok=True)
            for part in whole.iterdir():
                part.rename(out / part.name)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error}); choose a folder with room") from error
    typer.echo(
        f"wrote {out}; in it: python -m monai.bundle run --config_file configs/inference.yaml --dataset_dir DATA"
    )
