"""One line for a person from what pydantic says against a configuration."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from fed.errors import nearest

LONGEST_VALUE = 60
"""Characters of a refused value that are shown."""

WORDS = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected keys and values",
    "finite_number": "expected a finite number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "allowed: {expected}",
    "model_type": "expected keys and values",
    "none_required": "only null in this version",
    "string_pattern_mismatch": "expected letters, digits, '.', '_' and '-', the first no sign",
    "string_type": "expected text; what YAML reads as something else needs quotes",
    "too_long": "expected {max_length} entries or fewer",
    "too_short": "expected {min_length} or more entries",
    "tuple_type": "expected a list",
}
"""What is allowed, by pydantic's name of the trouble."""


def one_line(error: ValidationError, root: type[BaseModel]) -> str:
    """Return key, trouble and what is allowed for the first trouble found.

    An unknown key goes before all others: the key that it was meant to be is often missing, too.

    Parameters
    ----------
    root : type
        The schema that refused.
    """
    troubles = error.errors(include_url=False)
    first = min(troubles, key=lambda trouble: trouble["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(str(first['loc'][-1]), _siblings(root, first['loc']))}"
    if first["type"] == "missing":
        return f"{key}: this key is needed"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        names_its_key = not key or message.startswith(key.split(".")[0])
        return message if names_its_key else f"{key}: {message}"
    ours = WORDS.get(first["type"])
    words = first["msg"] if ours is None else ours.format_map(_context(first))
    return f"{key}: {words}; got {shown(first['input'])}"


def shown(value: Any) -> str:
    """Return a value as it is shown in a message, cut if it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _context(trouble: Mapping[str, Any]) -> dict[str, Any]:
    context = dict(trouble.get("ctx", {}))
    if "expected" in context:
        context["expected"] = context["expected"].replace("'", "").replace(" or ", ", ")
    return context


def _siblings(root: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed beside an unknown one, walking the schema along its location."""
    schema: type[BaseModel] | None = root
    for part in location[:-1]:
        if schema is not None and part in schema.model_fields:
            schema = _section_in(schema.model_fields[str(part)].annotation)
    return sorted(schema.model_fields) if schema is not None else []


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """Find the section inside an annotation such as ``tuple[SiteGroup, ...]`` or ``A | B``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_in(argument) for argument in get_args(annotation))
    return next((section for section in found if section is not None), None)
