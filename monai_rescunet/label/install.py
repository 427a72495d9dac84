"""Put a MONAI Label app with the bundle in it in place."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError

__all__ = ["CLICK_MODEL_NAME", "MODEL_NAME", "install_app", "start_command"]

MODEL_NAME = "mammography_mass_segmentation"
CLICK_MODEL_NAME = "mammography_mass_click"
"""The same model under a type for which viewers let the reader click into the mass."""

_MAIN = '''"""The app that MONAI Label looks for here."""

from monai_rescunet.label.app import MassApp

__all__ = ["MassApp"]
'''


def install_app(folder: str | Path) -> Path:
    """Write a MONAI Label app: its `main.py`, and its own copy of the bundle in `model/mammography_mass_segmentation`.

    Training on labels changes the weights of that copy, never those of the installation.

    Args:
        folder: where; it must not exist yet, or be empty.

    Returns:
        The folder, absolute.

    Raises:
        InputError: something is there already, or the folder cannot be made.
    """
    try:
        return _install(Path(folder).resolve())
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror or error}); choose another folder for the app"
        ) from error


def _install(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not empty; expected a new folder for the app: give another, or move this away")
    building = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    shutil.copytree(bundle_root(), building / "model" / MODEL_NAME, ignore=shutil.ignore_patterns("runs"))
    (building / "main.py").write_text(_MAIN, encoding="utf-8")
    shutil.copy(Path(__file__).with_name("startup.py"), building / "sitecustomize.py")
    building.replace(folder)
    return folder


def start_command(folder: Path, studies: str = "IMAGES", port: int = 8000) -> str:
    """Return the command that starts the server, on this machine alone.

    Args:
        folder: what `install_app` returned.
        studies: a folder of images, or the address of a DICOMweb archive.
        port: where it listens.
    """
    return (
        f"PYTHONPATH={shlex.quote(str(folder))} monailabel start_server --app {shlex.quote(str(folder))} "
        f"--studies {shlex.quote(studies)} --host 127.0.0.1 --port {port}"
    )
