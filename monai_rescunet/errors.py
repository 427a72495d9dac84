"""The error that bad input raises."""

EMPTY_MASK = "the mask is empty; expected at least one pixel of a mass: correct the mask or leave it out"


class InputError(ValueError):
    """Input that cannot be used: the message names the file, what was found, what was expected and what to do.

    Commands print it as one line and end with a non-zero exit status; in Python it is a `ValueError`.
    """
