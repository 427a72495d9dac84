"""The two thresholds of Otsu mode `fixed`, kept beside the weights whose maps they were fitted on."""

from __future__ import annotations

import json
from pathlib import Path

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import digest, write_atomically

__all__ = ["load_thresholds", "save_thresholds", "thresholds_path"]


def thresholds_path(checkpoint: str | Path) -> Path:
    """Return where the thresholds of some weights lie: `<stem>_thresholds.json` beside them."""
    path = Path(checkpoint)
    return path.with_name(f"{path.stem}_thresholds.json")


def save_thresholds(lambda1: int, lambda2: int, masses: int, checkpoint: str | Path) -> Path:
    """Write thresholds beside their weights and return the file's path.

    Args:
        lambda1, lambda2: grey levels, 0 to 255.
        masses: number of masses whose maps they were fitted on.
        checkpoint: the weights.
    """
    path = thresholds_path(checkpoint)
    content = {"lambda1": lambda1, "lambda2": lambda2, "masses": masses, "weights": digest(Path(checkpoint))}
    write_atomically(path, json.dumps(content, indent=1) + "\n")
    return path


def load_thresholds(checkpoint: str | Path, otsu_mode: str = "fixed") -> tuple[int | None, int | None]:
    """Return lambda1 and lambda2 for some weights; two None in modes that find their own.

    Args:
        checkpoint: the weights.
        otsu_mode: `paper`, `anchored` or `fixed`.

    Raises:
        InputError: mode `fixed`, and there is no file of thresholds, it is malformed, or it is that of other weights.
    """
    if otsu_mode != "fixed":
        return None, None
    path = thresholds_path(checkpoint)
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file, and otsu_mode is 'fixed'; fit the thresholds with thresholds.yaml, "
            "or give lambda1 and lambda2"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lambda1, lambda2, weights = int(content["lambda1"]), int(content["lambda2"]), content["weights"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: holds no thresholds ({error}); fit them again with thresholds.yaml") from error
    if weights != digest(Path(checkpoint)):
        raise InputError(f"{path}: belongs to other weights than {checkpoint}; fit it again with thresholds.yaml")
    return lambda1, lambda2
