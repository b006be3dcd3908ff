"""How large a reply may be: what the request implies, and a little more."""

import math
from collections.abc import Iterable
from typing import Any

from flwr.app import RecordDict
from numpy.typing import NDArray

from fed.protocol.records import size
from fed.protocol.refusal import LONGEST_NAME, RefusedReplyError
from fed.protocol.replies import MOST_PROCEDURES
from fed.sites import CONDITIONS, MODALITIES

TEXT = 65_536
"""Bytes that the text of a reply, and the heads of its records, may take."""
HEAD = 1024
"""Bytes of the head and the name of an array."""
ID = 6 * LONGEST_NAME + 8
"""Bytes of an id in JSON, each letter escaped."""


def check_size(content: RecordDict, limit: int) -> None:
    """Refuse a reply that is larger than what was asked for can be.

    Raises
    ------
    RefusedReplyError
    """
    found = size(content)
    if found > limit:
        raise RefusedReplyError(f"sent {found:,} bytes; what was asked for has at most {limit:,}")


def card_bytes() -> int:
    """Return the bytes that a card has at most."""
    return TEXT


def update_bytes(expected: Iterable[NDArray[Any]]) -> int:
    """Return the bytes that an update of these arrays has at most."""
    return TEXT + sum(value.nbytes + HEAD for value in expected)


def statistics_bytes(
    classes: int, clusters: int, widths: Iterable[int], pairs: bool = False
) -> int:
    """Return the bytes that class statistics have at most.

    Parameters
    ----------
    clusters : int
        A class and modality.
    widths : iterable of int
        Of the features of each modality.
    pairs : bool
        Whether sums over linked pairs were asked for.
    """
    known = list(widths)
    rows = classes * clusters
    across = pairs * (2 * HEAD + 4 * classes * (math.prod(known) + 1))
    return TEXT + across + sum(4 * HEAD + rows * (2 * 4 * width + 8 + 4) for width in known)


def scores_bytes(cases: int, classes: int, columns: int = 0) -> int:
    """Return the bytes that scores of this many cases have at most.

    Parameters
    ----------
    columns : int
        Whose groups were asked for.
    """
    tables = len(CONDITIONS) * (2 + MOST_PROCEDURES)
    numbers = cases * 8 * (1 + len(MODALITIES) + len(CONDITIONS) + tables * classes)
    return TEXT + (tables + 2) * HEAD + numbers + cases * (2 + columns) * ID
