"""What all parts of an outcome have in common, and how they are read from files."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from fed.errors import DataError

Kind = TypeVar("Kind", bound=BaseModel)

SCHEMA = 1
"""Version of the files."""


class Record(BaseModel):
    """A part of an outcome: typed, frozen, open to keys of later versions."""

    model_config = ConfigDict(
        extra="allow", frozen=True, ser_json_inf_nan="constants", populate_by_name=True
    )

    def content(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        return self.model_dump(mode="json", by_alias=True)


def parsed(kind: type[Kind], text: str, path: Path) -> Kind:
    """Return what a text of JSON says.

    Raises
    ------
    DataError
        Naming the file and the key.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: {place or 'content'}: {first['msg']}") from None


def text_of(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    DataError
        Naming the file.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text") from None
