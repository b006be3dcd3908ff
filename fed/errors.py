"""The errors a user can meet, by the exit code they end a run with."""

import difflib
from collections.abc import Sequence

LONGEST_HEAD, LONGEST_TAIL = 1500, 400
"""Letters of a message that are shown of its beginning and its end."""


class UserError(Exception):
    """Configuration, data or command line is wrong: exit code 2, one line, no traceback.

    A message that quotes what is far too long loses its middle.
    """

    def __init__(self, words: str) -> None:
        if len(words) > LONGEST_HEAD + LONGEST_TAIL:
            words = f"{words[:LONGEST_HEAD]} … {words[-LONGEST_TAIL:]}"
        super().__init__(words)


class ConfigError(UserError):
    """A key of the configuration is wrong."""


class DataError(UserError):
    """A file of the data is missing, unreadable or contradicts the configuration."""


class RunError(Exception):
    """The run cannot go on, for instance too few sites are left: exit code 3."""


def nearest(name: str, known: Sequence[str], listed: str = "Allowed") -> str:
    """Return the end of a message on an unknown name: the nearest known one, then all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"{hint} {listed}: {', '.join(known)}"


def first_ten(troubles: Sequence[str]) -> str:
    """Return a list of troubles as one line: the first ten, and how many more there are."""
    rest = len(troubles) - 10
    return "; ".join(troubles[:10]) + (f"; and {rest} more" if rest > 0 else "")
