"""`label-app`: the bundle in MONAI Label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["label_app"]


def label_app(
    folder: Annotated[Path, typer.Argument(help="New folder for the app.")],
    studies: Annotated[str, typer.Option(help="Folder of images, or address of a DICOMweb archive.")] = "IMAGES",
    port: Annotated[int, typer.Option(help="Port of the server.")] = 8000,
) -> None:
    """Put a MONAI Label app with the bundle in place and print the command that starts it."""
    from monai_rescunet.label import install_app, start_command

    typer.echo(start_command(install_app(folder), studies, port))
