"""Text that others read, without the folders of the machine that wrote it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from fed.config import Config

ABSOLUTE = re.compile(
    r"""(?P<quote>["'])(?P<in_quotes>/[^"'\n]+|[A-Za-z]:[\\/][^"'\n]+)(?P=quote)"""
    r"""|(?<![\w.:/\\~…-])(?P<bare>/[^\s"',;:()<>\[\]{}/][^\s"',;:()<>\[\]{}]*"""
    r"""|[A-Za-z]:[\\/][^\s"',;:()<>\[\]{}]+)"""
)
"""A path from the root, as Linux, macOS or Windows write it, in quotation marks or bare."""


def without_folders(text: str, known: Sequence[str] = ()) -> str:
    """Return a text with the last part of every absolute path alone: ``…/manifest.csv``.

    Parameters
    ----------
    known : sequence of str
        Paths that the text may hold, such as those of a configuration: they are found whatever
        blanks are in them.
    """
    for path in sorted(known, key=len, reverse=True):
        text = text.replace(path, _last(path))
    return ABSOLUTE.sub(_shortened, text)


def paths_of(config: Config) -> list[str]:
    """Return every absolute path that a configuration names."""
    return [text for text in _texts(config.model_dump(mode="json")) if ABSOLUTE.match(text)]


def paths_in_yaml(text: str) -> list[str]:
    """Return every absolute path that is the whole value of a key in a YAML text."""
    return re.findall(r"^[^#\n]*?:[ ]+(/[^\n'\"{}]+?)[ ]*$", text, flags=re.MULTILINE)


def _shortened(match: re.Match[str]) -> str:
    quote = match["quote"] or ""
    return quote + _last(match["in_quotes"] or match["bare"]) + quote


def _last(path: str) -> str:
    return f"…/{PurePath(path.replace(chr(92), '/')).name}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
