"""What was asked of an image, in a few letters, so that a run that goes on knows whether it is asked the same."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_rescunet.core.files import relative_name
from monai_rescunet.data.datalists.images import LOCATIONS

__all__ = ["asked_of"]

BYTES = 10  # of a hash: 16 letters


def asked_of(entry: Mapping[str, Any], dataset_dir: str | Path = "") -> str:
    """Return 16 letters of where an entry says that its image's masses are, and of the state of its files.

    They change with a box, a point or another mask, and when the image, a mask or a contour is written anew: its size
    or the time of its last change then differ. They do not with the folder that the data lie in.

    Args:
        entry: one an image, as `group_by_image` makes it.
        dataset_dir: folder of the data.
    """
    known = entry.get("masses")
    masses = None if known is None else [{key: mass.get(key) for key in ("mass", *LOCATIONS)} for mass in known]
    told = _told([entry["image"], entry.get("true_size"), masses], dataset_dir)
    digest = hashlib.sha256(json.dumps(told, default=str).encode(errors="surrogateescape")).digest()
    return base64.b32encode(digest[:BYTES]).decode().lower()


def _told(value: Any, dataset_dir: str | Path) -> Any:
    """Return what a value says, of a file by its name in the data, its size and the time of its last change."""
    if isinstance(value, Mapping):
        return {key: _told(each, dataset_dir) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_told(each, dataset_dir) for each in value]
    if not isinstance(value, str | Path):
        return value
    name = relative_name(value, dataset_dir)
    for path in (value, str(value).rpartition("#")[0]):  # of a contour its number in the file stands behind
        try:
            state = Path(path).stat()
        except (OSError, ValueError):  # it is no file, or one that is missing, of which whoever reads it will tell
            continue
        if path:
            return [name, state.st_size, state.st_mtime_ns]
    return name
