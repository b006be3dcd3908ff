"""The exchangeable parts as a person reads them."""

from collections.abc import Iterator

from fed.config.data import sources
from fed.errors import ConfigError, nearest
from fed.parts import KINDS, described, names


def catalogue(kind: str | None = None) -> str:
    """Return every part of a kind, or of all kinds, with its options.

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"parts: unknown kind {kind!r}{nearest(kind, list(KINDS))}")
    kinds = list(KINDS) if kind is None else [kind]
    return "\n\n".join("\n".join(_lines(each)) for each in kinds)


def _lines(kind: str) -> Iterator[str]:
    yield f"{kind} ({KINDS[kind].key}): {KINDS[kind].summary}"
    if kind == "source":
        yield f"  {', '.join(sources())}"
        return
    for name in names(kind):
        part = described(kind, name)
        needs = f" [needs {', '.join(part.needs)}]" if part.needs else ""
        yield f"  {name}: {part.summary}{needs}"
        for option, default, explanation in part.options:
            yield f"    {option} = {default}" + (f": {explanation}" if explanation else "")
