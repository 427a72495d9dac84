"""The error that bad input raises."""

from __future__ import annotations

EMPTY_MASK = "the mask is empty; expected at least one pixel of a mass: correct the mask or leave it out"


class InputError(ValueError):
    """Input that cannot be used: the message names the file, what was found, what was expected and what to do.

    Commands print it as one line and end with a non-zero exit status; in Python it is a `ValueError`.
    """


def input_error_behind(error: BaseException | None) -> InputError | None:
    """Return the `InputError` that caused an error, if one did; MONAI wraps what a transform raises."""
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return error
