"""The error that bad input raises."""


class InputError(ValueError):
    """Input that cannot be used: the message names the file, what was found, what was expected and what to do.

    Commands print it as one line and end with a non-zero exit status; in Python it is a `ValueError`.
    """
