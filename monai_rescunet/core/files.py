"""Files that are written whole or not at all, and how results name the files they speak of."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from monai_rescunet.core.errors import InputError

__all__ = ["digest", "digest_if_there", "png_bytes", "relative_name", "write_atomically", "write_state"]


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name beside it and move it into place.

    Raises:
        InputError: the folder cannot be written to.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with temporary.open("xb") as file:  # made with the rights that any new file gets
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # network disks and quotas tell of a lack of room only then
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose an output folder with room") from error


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state, of a network say, as `torch.save` does, but whole or not at all.

    Raises:
        InputError: the folder cannot be written to.
    """
    content = BytesIO()
    torch.save(state, content)
    write_atomically(path, content.getvalue())


def png_bytes(image: Image.Image, **options: Any) -> bytes:
    """Return an image as the content of a PNG file; `options` are Pillow's."""
    content = BytesIO()
    image.save(content, format="png", **options)
    return content.getvalue()


def digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_if_there(path: str | Path) -> str | None:
    """Return the SHA-256 of a file's content; None where there is no such file, which whoever reads it will say."""
    return digest(path) if Path(path).is_file() else None


def relative_name(path: str | Path, folder: str | Path) -> str:
    """Return the path below the folder, with forward slashes, or as it is if it lies elsewhere.

    A link has its own name, not that of the file behind it, which may be a patient's; the folder may be given by a link
    or by another way to it.
    """
    own, folder = Path(os.path.abspath(path)), Path(os.path.abspath(folder))  # noqa: PTH100 - follows no link
    if own.is_relative_to(folder):
        return own.relative_to(folder).as_posix()
    real = folder.resolve()
    for parent in own.parents:
        if parent.resolve() == real:
            return own.relative_to(parent).as_posix()
    return str(path)
