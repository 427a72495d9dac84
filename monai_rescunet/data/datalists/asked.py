"""The masses that a config asks for: none where there are no data, so that a bundle can be looked at without any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_rescunet.core.errors import InputError
from monai_rescunet.data.datalists.datalist import read_datalist

__all__ = ["find_entries", "require_entries"]


def find_entries(
    datalist: str | Path, dataset_dir: str | Path, section: str = "training", masks: bool = False
) -> list[dict[str, Any]]:
    """Return what `read_datalist` does, or nothing where there is no such file; `require_entries` then says so.

    Raises:
        InputError: the datalist is malformed, or names what is not there.
    """
    return read_datalist(datalist, dataset_dir, section, masks) if Path(datalist).exists() else []


def require_entries(
    entries: Sequence[Any],
    purpose: str,
    datalist: str | Path,
    dataset_dir: str | Path,
    section: str = "training",
    fold: int | str = "all",
) -> None:
    """Refuse to run on nothing, before anything is run.

    Args:
        entries: those to run on.
        purpose: what they are for, as in `to train on`.
        datalist, dataset_dir, section, fold: where they come from, for the error.

    Raises:
        InputError: there are none.
    """
    if entries:
        return
    if not Path(datalist).exists():
        read_datalist(datalist, dataset_dir, section)  # says what is wrong
    raise InputError(
        f"{datalist}: there is no mass to {purpose} in section {section!r} with fold {fold!r}; name another section or "
        "fold, or write the datalist anew with `monai-rescunet prepare`"
    )
