"""What a setting of the bundle's configs may be: one check for every way by which settings come in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import torch
import yaml
from monai.bundle import ConfigParser
from monai.bundle.config_item import ConfigComponent

from monai_rescunet.core.bundle_root import bundle_root
from monai_rescunet.core.errors import InputError
from monai_rescunet.transforms.otsu import MODES
from monai_rescunet.transforms.roi import ROI_MODES

__all__ = [
    "PATHS",
    "SUPERVISIONS",
    "check_name",
    "check_setting",
    "is_open",
    "nearest",
    "own_values",
    "shipped_configs",
]

PATHS = ("bundle_root", "dataset_dir", "datalist", "output_dir", "checkpoint", "finder_checkpoint", "pretrained")
"""Settings that are paths; nothing in them is parsed."""

SUPERVISIONS = ("binary", "mixed")

CHOICES = {"supervision": SUPERVISIONS, "otsu_mode": MODES, "roi_mode": ROI_MODES}

LEAST = {
    "max_epochs": 1,
    "batch_size": 1,
    "val_interval": 1,
    "checkpoint_interval": 1,
    "roi_size": 32,
    "features": 1,
    "seed": 0,
    "num_workers": 0,
}
"""Settings that are whole numbers or lists of them, and the least they can be: the networks halve a side five times."""

RANGES = {
    "learning_rate": (0, math.inf),
    "weight_decay": (0, math.inf),
    "averaging": (0, 1),
    "image_weight": (0, math.inf),
    "box_jitter": (0, math.inf),
    "cache_rate": (0, 1),
}
"""Settings that are numbers, and from where to where: those that no component of ours checks."""


def check_name(name: str, config: ConfigParser, where: object) -> None:
    """Refuse a setting that a config does not have; MONAI would take it and never look at it.

    Args:
        name: of a setting, with `#` between the names of nested ones. What is added to a component (`_target_`) goes to
            its constructor, which refuses what it does not know.
        config: the config.
        where: what the error calls it.

    Raises:
        InputError: there is no such name; the message has the one that comes nearest.
    """
    parent = config.get(name.replace("::", "#").rpartition("#")[0], {}) if "#" in name.replace("::", "#") else {}
    if name in config or ConfigComponent.is_instantiable(parent):
        return
    raise InputError(f"{where}: has no {name!r}{nearest(name, config.get())}")


def nearest(name: str, names: Mapping[str, Any]) -> str:
    """Return the question for the name that is nearest to a misspelt one, nothing where none is near."""
    near = get_close_matches(name, names, n=1)
    return f"; is it {near[0]!r}?" if near else ""


def check_setting(name: str, value: Any, own: Any, expressions: bool = True) -> Any:
    """Return a setting's value as the configs need it: `false` as text is no, a tuple is a list.

    Args:
        name: of the setting.
        value: what it shall be.
        own: the config's own value, whose kind tells what is expected.
        expressions: texts that MONAI's parser evaluates (`$...`, `@...`) may become anything and are taken where the
            setting is no whole number; else they are texts as others.

    Raises:
        InputError: the value is not of the kind of the config's own, or one that cannot be.
    """
    value = list(value) if isinstance(value, tuple) else value
    if _kind(own) == "true or false" and isinstance(value, str):
        value = _truth(value)
    told = _expected(name, own)
    if name in CHOICES:
        right = value in CHOICES[name] or (expressions and is_open(value))
    elif name == "device":
        right = (expressions and is_open(value)) or _is_here(value)
    elif name == "fold":
        right = value in ("all", "none") or _whole(value, 0) or (isinstance(value, str) and value.isdigit())
    elif name in LEAST:
        numbers = value if isinstance(own, list) else [value]
        right = isinstance(numbers, list) and bool(numbers) and all(_whole(number, LEAST[name]) for number in numbers)
    elif name in RANGES and _kind(value) == "a number":
        right = RANGES[name][0] <= value <= RANGES[name][1]
    elif value is None or isinstance(value, dict) or (expressions and is_open(value)):
        right = value is not None or _kind(own) == ""
    else:
        right = _kind(own) in ("", _kind(value)) or (_kind(own) == "a list" and isinstance(value, list))
    if not right:
        raise InputError(f"{name} is {value!r}; expected {told}")
    return value


def _expected(name: str, own: Any) -> str:
    """Return what a setting must be, for an error."""
    if name in CHOICES:
        return f"one of {', '.join(CHOICES[name])}"
    if name == "device":
        return "a device that torch has here, such as 'cpu'"
    if name == "fold":
        return "a fold's number, 'all' or 'none'"
    if name in LEAST:
        kind = f"{'a list of whole numbers' if isinstance(own, list) else 'a whole number'} from {LEAST[name]}"
    else:
        kind = _kind(own)
        if name in RANGES:
            low, high = RANGES[name]
            kind += f" from {low}" + (f" to {high}" if math.isfinite(high) else "")
    return f"{kind}, such as {own!r}" if own != [] else kind


@lru_cache
def shipped_configs() -> dict[str, dict[str, Any]]:
    """Return the bundle's configs as they are shipped, by the names of their files."""
    return {path.name: ConfigParser.load_config_file(str(path)) for path in (bundle_root() / "configs").glob("*.yaml")}


def own_values(base: str) -> dict[str, Any]:
    """Return what the bundle's configs set at their top level, as a config and what is laid over it have it.

    Args:
        base: file name of the config whose values come first.
    """
    configs = shipped_configs()
    return {name: value for config in (*configs.values(), configs[base]) for name, value in config.items()}


def is_open(value: Any) -> bool:
    """Return whether a value of a config is a text that MONAI's parser evaluates, and so may become anything."""
    return isinstance(value, str) and value.startswith(("$", "@", "%"))


def _truth(text: str) -> Any:
    """Return the truth value that a text says, as YAML reads it; any other text stays."""
    value = yaml.safe_load(text) if text.isalpha() else text
    return value if isinstance(value, bool) else text


def _is_here(device: Any) -> bool:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError):  # by what torch was built without
        return False
    return True


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def _kind(value: Any) -> str:
    """Return what a value of a config is; nothing where that is open."""
    if value is None or isinstance(value, dict) or is_open(value):
        return ""
    if isinstance(value, bool | str):
        return "true or false" if isinstance(value, bool) else "a text"
    if isinstance(value, list):
        return "a list of numbers" if value and {_kind(item) for item in value} == {"a number"} else "a list"
    return "a number" if isinstance(value, Real) and math.isfinite(value) else type(value).__name__
