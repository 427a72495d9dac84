"""What a training depends on: the part of its config that its trainer is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai.bundle import ReferenceResolver

from monai_rescunet.configs.parser import parser_at_work

__all__ = ["config_behind"]


def config_behind(roots: Sequence[str], leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return all values of the config at work that some of its items are made of, by their ids.

    Args:
        roots: ids of the items, with `#` between the names of nested ones; what they refer to counts as well.
        leave_out: ids that do not count, nor what only they refer to.

    Returns:
        Plain values as they stand in the config, expressions as texts.
    """
    parser = parser_at_work()
    cut = {ReferenceResolver.normalize_id(id) for id in leave_out}
    values: dict[str, Any] = {}
    waiting, seen = [ReferenceResolver.normalize_id(id) for id in roots], set(cut)
    for id in waiting:  # grows
        if id in seen or id not in parser:
            continue
        seen.add(id)
        value = parser[id]
        if isinstance(value, dict | list) and not _is_plain(value):
            waiting += [f"{id}::{key}" for key in (value if isinstance(value, dict) else range(len(value)))]
        else:
            values[id.replace("::", "#")] = _plain(value)
        if isinstance(value, str):
            waiting += ReferenceResolver.match_refs_pattern(value)
    return values


def _is_plain(value: Any) -> bool:
    """Return whether a value is a list of numbers, say, which is told whole."""
    return isinstance(value, list) and all(item is None or isinstance(item, bool | int | float) for item in value)


def _plain(value: Any) -> Any:
    """Return a value that a checkpoint can hold."""
    return value if value is None or isinstance(value, bool | int | float | str | list) else str(value)
