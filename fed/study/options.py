"""The option reference: every key of a configuration and every part, from where they are defined."""

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fed.config import Config
from fed.config.data import sources
from fed.parts import KINDS, PartKey, described, names

HEAD = """# Options

Every key of a configuration, as its schema has it. Unknown keys are errors that name the nearest one.
"""
PARTS = """# Parts

Every part that comes with the program, by kind. In a configuration a part is a name, a name with
options (`{use: NAME, OPTION: VALUE}`), or `package.module:Class`. See [adding a part](adding-a-part.md).
"""


def options_page() -> str:
    """Return the reference of all keys, section by section."""
    sections = [HEAD]
    for path, section in _sections(Config, ""):
        sections.append("\n".join(_section(path, section)))
    return "\n\n".join(sections) + "\n"


def parts_page() -> str:
    """Return the reference of all parts, kind by kind."""
    lines = [PARTS]
    for kind, about in KINDS.items():
        lines += [f"\n## {kind.replace('_', ' ')}\n", f"`{about.key}`: {about.summary}.\n"]
        if kind == "source":
            lines.append(", ".join(f"`{name}`" for name in sources()))
            continue
        for name in names(kind):
            part = described(kind, name)
            needs = f" Needs {', '.join(part.needs)}." if part.needs else ""
            lines.append(f"* **`{name}`** {part.summary}{needs}")
            lines += [
                f"    * `{option}` = `{default}`" + (f": {words}" if words else "")
                for option, default, words in part.options
            ]
    return "\n".join(lines) + "\n"


def _sections(section: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a section and those below it, each with its dotted path."""
    yield path, section
    for name, field in section.model_fields.items():
        inner = _section_in(field.annotation)
        if inner is not None:
            many = "[]" if get_origin(field.annotation) is tuple else ""
            yield from _sections(inner, f"{path}.{name}{many}".removeprefix("."))


def _section(path: str, section: type[BaseModel]) -> Iterator[str]:
    words = _docstrings(section)
    yield f"## {path or 'the top level'}"
    yield ""
    yield inspect.cleandoc(section.__doc__ or "")
    yield ""
    for name, field in section.model_fields.items():
        default = "needed" if field.is_required() else f"default `{_shown(field)}`"
        yield f"* **`{name}`** ({_type(field)}; {default}): {words.get(name, '')}".rstrip(": ")


def _docstrings(section: type[BaseModel]) -> dict[str, str]:
    """Return the text below each key, its own class's before that of the classes above."""
    found: dict[str, str] = {}
    for cls in reversed(section.__mro__[:-2]):
        if not issubclass(cls, BaseModel) or cls is BaseModel:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(body, ast.ClassDef)
        for key, text in zip(body.body, body.body[1:], strict=False):
            value = text.value if isinstance(text, ast.Expr) else None
            words = value.value if isinstance(value, ast.Constant) else None
            if isinstance(key, ast.AnnAssign) and isinstance(words, str):
                found[ast.unparse(key.target)] = " ".join(words.split())
    return found


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _section_in(argument)
        if found is not None:
            return found
    return None


def _type(field: FieldInfo) -> str:
    part = next((m.kind for m in field.metadata if isinstance(m, PartKey)), None)
    return f"a {part.replace('_', ' ')}" if part else _named(field.annotation)


def _named(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        part = next((m.kind for m in arguments[1:] if isinstance(m, PartKey)), None)
        return f"a {part.replace('_', ' ')}" if part else _named(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_named(argument) for argument in arguments))
    if origin is tuple:
        inner = [a for a in arguments if a is not Ellipsis]
        return f"list of {_named(inner[0])}" if Ellipsis in arguments else f"{len(inner)} values"
    if origin is dict or "Mapping" in str(origin):
        return "keys and values"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    words = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return words.get(annotation, "null" if annotation is type(None) else "value")


def _shown(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "as below"
    if default is None:
        return "null"
    if isinstance(default, tuple | list):
        return "[" + ", ".join(map(str, default)) + "]"
    return str(default).lower() if isinstance(default, bool) else str(default)
