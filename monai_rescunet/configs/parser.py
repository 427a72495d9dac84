"""MONAI's config parser from within a config, texts that it leaves alone, and what was typed on its command line."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence

from monai.bundle import ConfigParser

__all__ = ["GIVEN", "is_monai_bundle", "literal", "parser_at_work", "typed_settings"]

GIVEN = "_given_"
"""Name in a config under which a caller in Python, who has checked them, hands over settings as they are."""

FLAG = re.compile(r"--|-[a-zA-Z]")


def parser_at_work() -> ConfigParser:
    """Return the parser that evaluates the expression or makes the component which calls this.

    MONAI hands a config neither itself nor its parser: there is no way to it but the stack.

    Raises:
        RuntimeError: no parser is at work.
    """
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, ConfigParser):
            return owner
        frame = frame.f_back
    raise RuntimeError("no config is being parsed: call this in one")


def literal(text: str) -> str:
    """Return what MONAI's parser reads as this text, whatever stands in it.

    It runs what begins with `$`, replaces what begins with `@` or `%`, and turns `#` into `::`.

    Example:
        >>> literal("data")
        'data'
        >>> literal("set#2")
        "$'set\\\\x232'"
    """
    if not re.search(r"[$@%#]|::", text):
        return text
    return "$" + re.sub(r"[@%#:]", lambda match: f"\\x{ord(match[0]):02x}", repr(text))


def is_monai_bundle() -> bool:
    """Return whether this process is a `python -m monai.bundle`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return getattr(spec, "name", None) == "monai.bundle.__main__"


def typed_settings(arguments: Sequence[str]) -> dict[str, str]:
    """Return what was typed for each setting, as it was typed.

    Fire, which reads MONAI's command line, takes every value for Python where it can: `set#2` becomes `set`, `1e3` a
    number, `a,b` two values, and MONAI passes over None.

    Args:
        arguments: of `python -m monai.bundle`.
    """
    typed = {}
    for argument, following in zip(arguments, [*arguments[1:], "--"], strict=True):
        if FLAG.match(argument):
            name, equals, value = argument.lstrip("-").partition("=")
            if equals or not FLAG.match(following):
                typed[name.replace("-", "_")] = value if equals else following
    return typed
