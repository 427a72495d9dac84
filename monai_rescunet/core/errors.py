"""The error that bad input raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

EMPTY_MASK = "the mask is empty; expected at least one pixel of a mass: correct the mask or leave it out"
DAMAGED = "the file is damaged or of a kind that is not read"
UNANSWERED = "the network has no answer for it: its grey levels or the weights are damaged"


class InputError(ValueError):
    """Input that cannot be used: the message names the file, what was found, what was expected and what to do.

    Commands print it as one line and end with a non-zero exit status; in Python it is a `ValueError`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(message.splitlines()))  # what a file says of itself may have line breaks


def input_error_behind(error: BaseException | None) -> InputError | None:
    """Return the `InputError` that caused an error, if one did; MONAI wraps what a transform raises."""
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return error


class LeftOutError(InputError):
    """Some images or masses could not be used; the others have their results.

    Attributes:
        left_out: one line for each fault: the file, what was found, what to do.
        results: what `monai_rescunet.predict` returns of the others.
    """

    def __init__(self, message: str, left_out: Sequence[str] = (), results: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.left_out, self.results = list(left_out), list(results)


def fault_of(error: BaseException, name: str, remedy: str = DAMAGED) -> InputError:
    """Return the `InputError` behind an error that one image raised, or one that tells of it in a line.

    Args:
        error: of any kind: a library's own says nothing of the file.
        name: of the image.
        remedy: what is the matter then, or what to do.
    """
    fault = input_error_behind(error)
    if fault is not None:
        return fault
    first = error
    while first.__cause__ is not None:  # MONAI wraps what a transform raises
        first = first.__cause__
    reason = " ".join(f"{type(first).__name__}: {first}".split())
    fault = InputError(f"{name}: cannot be analysed ({reason}); {remedy}")
    fault.__cause__ = error
    return fault
