"""The command line, `monai-rescunet`: one subcommand a task, each a call of the library."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from monai_rescunet import __version__
from monai_rescunet.cli.bundle import bundle
from monai_rescunet.cli.calibrate import calibrate
from monai_rescunet.cli.experiment import experiment, report
from monai_rescunet.cli.label import label_app
from monai_rescunet.cli.masses import predict, show
from monai_rescunet.cli.phantom import phantom
from monai_rescunet.cli.prepare import prepare
from monai_rescunet.core.errors import InputError, input_error_behind

__all__ = ["app", "main"]

app = typer.Typer(
    help="Outline masses in mammograms and tell benign from malignant. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (predict, show, calibrate, phantom, experiment, report, bundle, label_app):
    app.command()(command)
app.add_typer(prepare, name="prepare")


def main() -> None:
    """Run the command line; bad input ends it with one line and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("ignite").setLevel(logging.CRITICAL)  # an engine logs the error that is told below
    try:
        app()
    except (InputError, RuntimeError) as error:
        fault = input_error_behind(error)  # MONAI wraps what a transform raises
        if fault is None:
            raise
        sys.exit(f"monai-rescunet: {fault}")


def _version(show: bool) -> None:
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass
