"""How a key of the configuration holds a part."""

from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from fed.parts.registry import build, written


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
            lambda given: None if given is None else build(self.kind, given),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda part: None if part is None else written(self.kind, part)
            ),
        )
