"""From files and overrides to one `Config`, with errors a person can act on."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from fed.config.method import Method
from fed.config.refusal import one_line, shown
from fed.config.renamed import METHODS as RENAMED
from fed.config.renamed import refuse_renamed
from fed.config.schema import Config
from fed.errors import ConfigError, nearest

LARGEST = 2**20
"""Bytes of a configuration file."""
LONGEST_CHANGE = 40
"""Letters that tell in a method's name how it was changed; more are hashed."""
CONFIGS = Path(__file__).parents[2] / "configs"
METHODS = CONFIGS / "methods"
DEMO = CONFIGS / "demo.yaml"


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: list[str] = [key.value for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                problem=f"{twice!r} is there twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def load(
    source: Sequence[Path] | Mapping[str, Any], overrides: Sequence[str] | Mapping[str, Any] = ()
) -> Config:
    """Merge configuration files left to right, apply overrides, and check the result.

    Parameters
    ----------
    source : sequence of Path, or mapping
        YAML files. Mappings merge key by key; anything else, lists included, is replaced. A file
        with the key ``base`` is that other file, named from its own folder, with some keys changed.
        A file that is not there is looked for among those that come with the program. Or what such
        a file holds.
    overrides : sequence of str, or mapping
        ``KEY=VALUE`` with a dotted path and a YAML value, such as ``sites.0.count=4``; or the
        values by their dotted paths.

    Raises
    ------
    ConfigError
        Naming the file or the key, what is wrong and what is allowed.
    """
    parts = [source] if isinstance(source, Mapping) else [_with_base(_found(p)) for p in source]
    merged: dict[str, Any] = {}
    for part in parts:
        merged = _merge(merged, part)
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            assign(merged, key, value)
    else:
        for override in overrides:
            _override(merged, override)
    return resolve(merged)


def _found(path: Path) -> Path:
    """Return a file as it is named, or the one of this name that comes with the program."""
    ours = CONFIGS.parent / path
    known = not path.is_absolute() and ours.is_relative_to(CONFIGS) and ours.is_file()
    return ours if known and not path.exists() else path


def resolve(raw: Mapping[str, Any]) -> Config:
    """Check a raw mapping and fill in defaults; a method given by name is read from its file."""
    composed = {**raw, "method": _composition(raw)}
    refuse_renamed(composed)
    try:
        config = Config.model_validate(composed)
        method = config.method.on_features() if config.solves_on_frozen else config.method
        name = _own_name(method, config.solves_on_frozen)
    except ValidationError as error:
        raise ConfigError(one_line(error, Config)) from None
    return config.model_copy(update={"method": method.model_copy(update={"name": name})})


def _own_name(method: Method, on_features: bool) -> str:
    """Return the name of a method; one that was changed is not called by the unchanged one's."""
    if method.name not in _presets():
        return method.name
    preset = Method.model_validate(_composition({"method": method.name}))
    preset = preset.on_features() if on_features else preset
    changes = "-".join(_differences(method.model_dump(), preset.model_dump()))
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", changes).strip("-")
    if len(slug) > LONGEST_CHANGE:
        slug = hashlib.sha256(slug.encode()).hexdigest()[:8]
    return f"{method.name}-{slug}" if slug else method.name


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Yield each key that differs with its value, keys within keys joined."""
    for key, value in ours.items():
        other = theirs.get(key)
        if value == other or key == "summary":
            continue
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            for difference in _differences(value, other):
                yield f"{key}-{difference}"
        else:
            yield f"{key}-{json.dumps(value)}"


def dump(config: Config) -> str:
    """Return the resolved configuration as YAML; `load` reads it back to an equal one."""
    return yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False, width=100)


def _composition(raw: Mapping[str, Any]) -> Any:
    """Return the method as a mapping; one given by name, or as a file, is read from there.

    A mapping with the key ``base`` is that other method with some keys changed.
    """
    method = raw.get("method", "fedrima")
    if isinstance(method, str):
        method = _named("method", method)
    if not isinstance(method, Mapping):
        return method
    changes = dict(method)
    seen: list[str] = []
    while "base" in changes:
        base = str(changes.pop("base"))
        if base in seen:
            raise ConfigError(f"method.base: {base} leads back to itself")
        seen.append(base)
        changes = _merge(_named("method.base", base), changes)
    return changes


def _with_base(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path.resolve() in seen:
        raise ConfigError(f"{seen[-1]}: base: {path.name} leads back to itself")
    content = _read(path)
    base = content.pop("base", None)
    if base is None:
        return content
    return _merge(_with_base(path.parent / str(base), (*seen, path.resolve())), content)


def _presets() -> list[str]:
    return sorted(path.stem for path in METHODS.glob("*.yaml"))


def _named(key: str, name: Any) -> dict[str, Any]:
    """Return a method by its name, or from a file of one's own, whose name it has by default."""
    path = Path(str(name))
    if path.suffix in (".yaml", ".yml"):
        return {"name": path.stem, **_read(path)}
    known = _presets()
    if name in RENAMED:
        raise ConfigError(f"{key}: {name} is now {RENAMED[name]}")
    if name not in known:
        raise ConfigError(f"{key}: unknown method {name!r}{nearest(str(name), known)}")
    return _read(METHODS / f"{name}.yaml")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: is no regular file; a YAML file is expected")
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: is larger than {LARGEST:,} bytes; a YAML file is expected")
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a UTF-8 text file; a YAML file is expected") from None
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        words = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(f"{path}: not valid YAML: {words}") from None
    except yaml.YAMLError as error:
        place, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f" at line {place.line + 1}" if place else ""
        words = f": {problem}" if problem else ""
        raise ConfigError(f"{path}: not valid YAML{line}{words}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds a {type(content).__name__}; expected keys and values")
    return content


def _merge(base: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Merge key by key; a part that is named anew (``use``) comes with options of its own."""
    merged = dict(base)
    for key, value in update.items():
        both_mappings = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        keeps = both_mappings and "use" not in value
        merged[key] = _merge(merged[key], value) if keeps else value
    return merged


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: expected KEY=VALUE, such as training.rounds=5")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ConfigError(f"--set {override[:80]}: the value is not valid YAML") from None
    try:
        assign(raw, key, value)
    except ConfigError as error:
        raise ConfigError(f"--set {error}") from None


def assign(raw: dict[str, Any], key: str, value: Any) -> None:
    """Set one dotted key of a raw mapping, in place.

    Raises
    ------
    ConfigError
        If the key leads through something that holds no keys, or to no entry of a list.
    """
    *path, last = key.split(".")
    if path[:1] == ["method"]:
        raw["method"] = _composition(raw)
    node: Any = raw
    for depth, part in enumerate(path, start=1):
        here = path[:depth]
        node = node[_index(node, here)] if isinstance(node, list) else node.setdefault(part, {})
        if not isinstance(node, dict | list):
            raise ConfigError(f"{key}: {'.'.join(here)} is {shown(node)}, which holds no keys")
    node[_index(node, [*path, last]) if isinstance(node, list) else last] = value


def _index(node: list[Any], path: Sequence[str]) -> int:
    if path[-1].isdecimal() and int(path[-1]) < len(node):
        return int(path[-1])
    raise ConfigError(
        f"{'.'.join(path)}: no such entry; allowed: 0 to {len(node) - 1} in {'.'.join(path[:-1])}"
    )
