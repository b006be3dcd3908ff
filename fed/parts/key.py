"""How a key of the configuration holds a part."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from fed.parts.registry import build, written

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


class PartKey:
    """Annotation of a key that holds a part: ``fill: Annotated[Any, PartKey("fill")]``.

    Parameters
    ----------
    kind : str
        One of `fed.parts.KINDS`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate by `build`, and write by `written`."""
        return core_schema.no_info_plain_validator_function(
            lambda given: None if given is None else build(self.kind, given, _trusted.get()),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda part: None if part is None else written(self.kind, part)
            ),
        )
