"""From files and overrides to one `Config`, with errors a person can act on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from fed.config.method import Method
from fed.config.schema import Config
from fed.errors import ConfigError, nearest

METHODS = Path(__file__).parents[2] / "configs" / "methods"


def load(paths: Sequence[Path], overrides: Sequence[str] = ()) -> Config:
    """Merge configuration files left to right, apply overrides, and check the result.

    Parameters
    ----------
    paths : sequence of Path
        YAML files. Mappings merge key by key; anything else, lists included, is replaced.
    overrides : sequence of str
        ``KEY=VALUE`` with a dotted path and a YAML value, such as ``sites.0.count=4``.

    Raises
    ------
    ConfigError
        Naming the file or the key, what is wrong and what is allowed.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        merged = _merge(merged, _read(path))
    for override in overrides:
        _override(merged, override)
    return resolve(merged)


def resolve(raw: Mapping[str, Any]) -> Config:
    """Check a raw mapping and fill in defaults; a method given by name is read from its file."""
    raw = dict(raw)
    method = raw.get("method", "fedrima")
    if isinstance(method, str):
        raw["method"] = _read(_method_file(method))
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_one_line(error)) from None


def dump(config: Config) -> str:
    """Return the resolved configuration as YAML; `load` reads it back to an equal one."""
    return yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False, width=100)


def _method_file(name: str) -> Path:
    known = sorted(path.stem for path in METHODS.glob("*.yaml"))
    if name not in known:
        raise ConfigError(f"method: unknown method {name!r}{nearest(name, known)}")
    return METHODS / f"{name}.yaml"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a UTF-8 text file; a YAML file is expected") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" at line {place.line + 1}" if place else ""
        raise ConfigError(f"{path}: not valid YAML{line}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds a {type(content).__name__}; expected keys and values")
    return content


def _merge(base: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in update.items():
        both_mappings = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both_mappings else value
    return merged


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: expected KEY=VALUE, such as training.rounds=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {override}: the value is not valid YAML") from None
    *path, last = key.split(".")
    node: Any = raw
    for depth, part in enumerate(path):
        if isinstance(node, dict) and isinstance(node.get(part), str) and part == "method":
            node[part] = _read(_method_file(node[part]))
        node = (
            node[_index(node, path[: depth + 1])]
            if isinstance(node, list)
            else (node.setdefault(part, {}))
        )
        if not isinstance(node, dict | list):
            raise ConfigError(f"--set {override}: {'.'.join(path[: depth + 1])} holds no keys")
    node[_index(node, [*path, last]) if isinstance(node, list) else last] = value


def _index(node: list[Any], path: Sequence[str]) -> int:
    if path[-1].isdigit() and int(path[-1]) < len(node):
        return int(path[-1])
    raise ConfigError(
        f"--set {'.'.join(path)}: no such entry; allowed: 0 to {len(node) - 1} "
        f"in {'.'.join(path[:-1])}"
    )


def _one_line(error: ValidationError) -> str:
    """Turn the first of pydantic's findings into one line: key, problem, what is allowed."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(str(first['loc'][-1]), _siblings(first['loc']))}"
    if first["type"] == "missing":
        return f"{key}: this key is needed"
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if first["type"] == "value_error":
        return message if not key or message.startswith(key.split(".")[0]) else f"{key}: {message}"
    return f"{key}: {message}; got {first['input']!r}"


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed beside an unknown one, walking the schema along its location."""
    schema: Any = Config
    for part in location[:-1]:
        if (
            isinstance(schema, type)
            and issubclass(schema, BaseModel)
            and part in schema.model_fields
        ):
            schema = schema.model_fields[str(part)].annotation
        else:
            schema = _model_in(schema, part)
    schema = _model_in(schema, None)
    return sorted(schema.model_fields) if schema is not None else []


def _model_in(annotation: Any, wanted: int | str | None) -> Any:
    """Find the model inside an annotation such as ``tuple[SiteGroup, ...]`` or ``A | B``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [m for m in (_model_in(a, wanted) for a in get_args(annotation)) if m is not None]
    named = [m for m in found if m.__name__ == wanted]
    return (named or found or [None])[0]


__all__ = ["Method", "dump", "load", "resolve"]
