"""The first item of every config's `initialize`: nothing is run with settings that cannot be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from monai.bundle import ConfigParser, ReferenceResolver
from monai.bundle.utils import DEFAULT_MLFLOW_SETTINGS

from monai_rescunet.configs.parser import is_monai_bundle, literal, parser_at_work, typed_settings
from monai_rescunet.configs.settings import PATHS, check_setting, is_open, nearest, own_values, shipped_configs
from monai_rescunet.core.errors import InputError, input_error_behind

__all__ = ["check_settings"]

SECTIONS = ("train", "validate")
MONAIS_OWN = {"_meta_", "save_execute_config", *DEFAULT_MLFLOW_SETTINGS["configs"]}
"""Names that MONAI adds to a config."""


def check_settings(base: str) -> None:
    """Check all settings of the config that calls this, whoever made them, and put them right where that is sure.

    Settings come from the command line of `python -m monai.bundle run`, from a caller in Python, from a file of
    arguments or an overlay. Paths of the command line are taken as they were typed; `true` and `false` as text are what
    they say. In a process of `python -m monai.bundle`, bad input then ends it with one line.

    Args:
        base: the bundle's config under all overlays.

    Raises:
        InputError: a setting has a name that nothing in the config uses, or a value that cannot be.
    """
    parser = parser_at_work()
    typed = typed_settings(sys.argv[1:]) if is_monai_bundle() else {}
    if is_monai_bundle():
        sys.excepthook = _one_line
    _check_names(parser, base)
    own = own_values(base)
    truths = {id: text.lower() == "true" for id, text in typed.items() if text.lower() in ("true", "false")}
    right: dict[str, Any] = {id: value for id, value in truths.items() if id not in own and id in parser}
    for name in own.keys() & parser.get().keys():
        value = parser[name]
        if isinstance(value, str) and value.startswith("$@_given_["):
            continue  # from `predict`, which checked it before it took this form
        if name in PATHS:
            if name in typed:
                value = literal(typed[name])
            elif isinstance(value, str) and "::" in value and not is_open(value):
                raise InputError(f"{name} is {value!r}: where # stands in a path MONAI reads ::; give it another name")
        elif typed.get(name) == "None":
            value = None
        if value != own[name]:
            value = check_setting(name, value, own[name])
        if value is not parser[name]:
            right[name] = value
    if right:
        parser.update(right)
        parser.parse()


def _check_names(parser: ConfigParser, base: str) -> None:
    """Refuse a name at the config's top or in its sections that its files do not have and nothing refers to."""
    configs = shipped_configs()
    ids = (id for text in _texts(parser) for id in ReferenceResolver.match_refs_pattern(text))
    known = {"::".join(id.split("::")[:2]) for id in ids}
    known |= {id.split("::")[0] for id in known} | MONAIS_OWN
    for config in configs.values():  # overlays whose names are all there
        known |= config.keys() if all(name in parser for name in config) else set()
    for section in ("", *SECTIONS):
        own = configs[base].get(section, {}) if section else configs[base]
        for name in (parser.get(section) or {}) if own else ():
            id = f"{section}::{name}" if section else str(name)
            if name in own or id in known:
                continue
            others = [(len(config), file) for file, config in configs.items() if id in config]
            hint = f"; {max(others)[1]} has it" if others else nearest(name, own)
            raise InputError(f"{base}: has no {id.replace('::', '#')!r}, and nothing laid over it uses one{hint}")


def _texts(parser: ConfigParser) -> Iterator[str]:
    """Return all texts in a config, but for its metadata."""
    waiting = [value for name, value in parser.get().items() if name != "_meta_"]
    for value in waiting:  # grows
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print bad input as one line, and any other error as Python does."""
    fault = input_error_behind(error)
    if fault is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"monai.bundle: {fault}", file=sys.stderr)
