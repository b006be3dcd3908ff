"""Whose code may be imported for parts that do not come with the program."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_trusted: ContextVar[Collection[str] | None] = ContextVar("trusted", default=None)


@contextmanager
def trusting(packages: Collection[str] | None) -> Iterator[None]:
    """Load parts of one's own from these packages only, inside the block; None: from any.

    A site of a deployment trusts what its own node configuration names, and nothing that the
    coordinator sends.
    """
    token = _trusted.set(packages)
    try:
        yield
    finally:
        _trusted.reset(token)


def trusted() -> Collection[str] | None:
    """Return the packages that are trusted here; None: any."""
    return _trusted.get()
