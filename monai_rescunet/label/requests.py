"""What MONAI Label hands on of a client's request unchecked: the image, which may be any path, and parameters."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from monailabel.endpoints import infer as endpoint
from monailabel.interfaces.datastore import Datastore

__all__ = ["NO_IMAGE", "check_image", "guard_requests", "without_folders"]

NO_IMAGE = "the server has no such image; datastore/?output=all lists those it has"
_files: ContextVar[bool] = ContextVar("files", default=False)
"""Whether the request brings a file, or names a session that has one: the image is then a path of MONAI Label's own."""


def guard_requests() -> None:
    """Look at what comes to `/infer` before MONAI Label does, which answers with 500, or reads any file."""
    if not hasattr(endpoint.run_inference, "guarded"):
        endpoint.run_inference = _guarded(endpoint.run_inference)


def _guarded(run: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(
        background_tasks: Any,
        model: str,
        image: str = "",
        session_id: str = "",
        params: str = "{}",
        file: Any = None,
        label: Any = None,
        output: Any = None,
    ) -> Any:
        _check_params(params)
        token = _files.set(bool(file or session_id))
        try:
            return run(background_tasks, model, image, session_id, params, file, label, output)
        finally:
            _files.reset(token)

    guarded.guarded = True  # type: ignore[attr-defined]
    return guarded


def _check_params(params: str | None) -> None:
    try:
        asked = json.loads(params or "{}")
    except ValueError as error:
        raise HTTPException(400, f"params are no JSON ({error}); expected an object such as {{}}") from error
    if not isinstance(asked, dict):
        raise HTTPException(400, f"params are {params}; expected a JSON object such as {{}}")
    if "image" in asked:
        raise HTTPException(400, "params name the image; expected it in the address, or as a file")


def check_image(image: Any, datastore: Datastore) -> None:
    """Refuse an image that a client names and the datastore does not have.

    A path is refused with the same line, whether there is such a file or not.

    Raises:
        HTTPException: 400.
    """
    if _files.get():
        return
    if not isinstance(image, str) or Path(image).is_absolute() or not datastore.get_image_uri(image):
        raise HTTPException(400, NO_IMAGE)
    if Path(image).exists():
        raise HTTPException(400, f"a file beside the server is called {image}, as the image is; start it elsewhere")


def without_folders(text: str, *known: Path) -> str:
    """Return what a client may read of an error: files by their names, without the server's folders.

    Args:
        text: the error.
        known: folders that it may name, also such whose names have spaces.
    """
    given = [folder for each in (*known, Path(tempfile.gettempdir())) for folder in (each, each.resolve())]
    folders = {str(folder) for folder in given if folder.is_absolute() and folder.name}
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(f"{folder}/", "").replace(folder, "the server's folder")
    return re.sub(r"""(?<![^\s'"(\[])/(?:[^\s'"/:]+/)+(?=[^\s'"/:])""", "", text)
