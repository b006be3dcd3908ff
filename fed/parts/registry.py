"""Finding a part by name, building it from its options, and writing it back."""

import dataclasses
import inspect
import pkgutil
import reprlib
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from fed.errors import nearest
from fed.parts.kinds import KINDS
from fed.parts.trust import trusted

USE = "use"
"""The key that names a part which is given with options."""


class PartError(ValueError):
    """A part that does not exist, is not trusted, or whose options are wrong."""


def source_reader(name: str) -> Any:
    """Return what reads a data source: its module, or a part of one's own.

    Either has ``read(root: Path, label: str) -> fed.data.collection.Collection``.

    Raises
    ------
    PartError
        If it is a part of one's own that cannot be loaded.
    """
    if ":" in name:
        return find("source", name)()
    return import_module(f"{KINDS['source'].package}.{name}")


def names(kind: str) -> list[str]:
    """Return the parts of a kind that come with the program, by name."""
    package = import_module(KINDS[kind].package)
    modules = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [name for name in modules if _own(kind, name) is not None]


def find(kind: str, name: str) -> type[Any]:
    """Return the class of a part.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    name : str
        Of a part that comes with the program, or ``package.module:Class``.

    Raises
    ------
    PartError
        If there is no such part, or its package is not trusted (`trusting`).
    """
    if ":" in name:
        return _foreign(kind, name)
    part = _own(kind, name)
    if part is None:
        raise PartError(
            f"unknown {_spoken(kind)} {name!r}{nearest(name, names(kind))}, "
            "or package.module:Class for one of your own"
        )
    return part


def build(kind: str, given: Any) -> Any:
    """Return a part from what a configuration says: a name, or a mapping with ``use`` and options.

    Raises
    ------
    PartError
        Naming the part or its option, what is wrong and what is allowed.
    """
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        return given
    if isinstance(given, str):
        return _constructed(kind, find(kind, given), given, {})
    if not isinstance(given, Mapping) or not isinstance(given.get(USE), str):
        raise PartError(
            f"expected a name, or {{use: name, option: value}}; got {reprlib.repr(given)}"
        )
    options = {str(key): value for key, value in given.items() if key != USE}
    name = given[USE]
    return _constructed(kind, find(kind, name), name, options)


def written(kind: str, part: Any) -> Any:
    """Return what `build` makes an equal part of: its name, with its options if it has any."""
    name = part_name(kind, type(part))
    fields = dataclasses.fields(part)
    options = {field.name: _plain(getattr(part, field.name)) for field in fields}
    return {USE: name, **options} if options else name


def part_name(kind: str, part: type[Any]) -> str:
    """Return the name of a part's class."""
    module = part.__module__
    package, _, name = module.rpartition(".")
    if package == KINDS[kind].package and _own(kind, name) is part:
        return name
    return f"{module}:{part.__qualname__}"


@dataclasses.dataclass(frozen=True)
class Described:
    """A part as a person reads of it.

    Attributes
    ----------
    name, summary : str
    options : tuple of (name, default, explanation)
    needs : tuple of str
    """

    name: str
    summary: str
    options: tuple[tuple[str, str, str], ...]
    needs: tuple[str, ...]


def described(kind: str, name: str) -> Described:
    """Return what a part is, from its docstring, its fields and what it declares."""
    part = find(kind, name)
    text = inspect.getdoc(part) or ""
    told = "\n".join(inspect.getdoc(c) or "" for c in part.__mro__ if dataclasses.is_dataclass(c))
    return Described(
        name,
        " ".join(text.split("\n\n")[0].split()),
        tuple(
            (field.name, _default(field), _explained(told, field.name))
            for field in dataclasses.fields(part)
        ),
        tuple(str(need) for need in getattr(part, "needs", ())),
    )


def _own(kind: str, name: str) -> type[Any] | None:
    """Return the part in the file of this name, or None if there is none."""
    package = KINDS[kind].package
    if not name.isidentifier() or name.startswith("_"):  # what parts share
        return None
    try:
        module = import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"{package}.{name}":
            return None
        raise
    return _part_in(module, name)


def _part_in(module: ModuleType, name: str) -> type[Any] | None:
    """Return the dataclass of a module that is called like it: ``TrimmedMean`` in trimmed_mean."""
    wanted = name.replace("_", "").lower()
    return next((part for part in _dataclasses(module) if part.__name__.lower() == wanted), None)


def _dataclasses(module: ModuleType) -> list[type[Any]]:
    found: list[type[Any]] = [value for value in vars(module).values() if isinstance(value, type)]
    return [c for c in found if c.__module__ == module.__name__ and dataclasses.is_dataclass(c)]


def _foreign(kind: str, name: str) -> type[Any]:
    path, _, attribute = name.partition(":")
    packages = trusted()
    if packages is not None and not any(_within(path, package) for package in packages):
        raise PartError(
            f"{_spoken(kind)} {name!r} is code of others, which this site does not load; allowed "
            f"packages, from its own node-config parts: {', '.join(packages) or 'none'}"
        )
    try:
        module = import_module(path)
    except ImportError as error:
        raise PartError(f"{_spoken(kind)} {name!r}: cannot be imported: {error}") from None
    part = getattr(module, attribute, None)
    if not isinstance(part, type) or not dataclasses.is_dataclass(part):
        raise PartError(
            f"{_spoken(kind)} {name!r}: {path} has no dataclass {attribute!r}; a part is a frozen "
            "dataclass whose fields are its options"
        )
    return part


def _within(path: str, package: str) -> bool:
    return path == package or path.startswith(f"{package}.")


def _constructed(kind: str, part: type[Any], name: str, options: dict[str, Any]) -> Any:
    known = [field.name for field in dataclasses.fields(part)]
    unknown = [key for key in options if key not in known]
    if unknown:
        hint = nearest(unknown[0], known) if known else "; it has no options"
        raise PartError(f"{name}.{unknown[0]}: unknown option{hint}")
    try:
        return _adapter(part).validate_python(options)
    except ValidationError as error:
        trouble = error.errors(include_url=False)[0]
        key = ".".join([name, *(str(place) for place in trouble["loc"])])
        if trouble["type"] == "value_error":
            raise PartError(f"{key}: {trouble['ctx']['error']}") from None
        raise PartError(f"{key}: {trouble['msg']}; got {reprlib.repr(trouble['input'])}") from None


def _adapter(part: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(part)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _spoken(kind: str) -> str:
    return kind.replace("_", " ")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "needed"
    allowed = get_args(field.type) if get_origin(field.type) is Literal else ()
    rest = f" (of {', '.join(map(str, allowed))})" if allowed else ""
    return f"{field.default!r}{rest}"


def _explained(text: str, option: str) -> str:
    """Return what a NumPy docstring says of an attribute."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.split(" : ")[0].strip() == option and " : " in line:
            indent = len(line) - len(line.lstrip())
            words = []
            for below in lines[number + 1 :]:
                if below.strip() and len(below) - len(below.lstrip()) <= indent:
                    break
                words.append(below.strip())
            return " ".join(words).strip()
    return ""
