"""Configurations: files of the project, spoiled letter by letter, value by value, or from the outside."""

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fed.config import Config, dump, load
from fed.schedule import schedule
from fed.study.plan import plan
from tests.fuzz.batches import ROOT, VALUES, chosen, command, spoiled_bytes

HOSTILE = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"b{i}: &b{i} [*{'a' if i == 0 else f'b{i - 1}'}, *{'a' if i == 0 else f'b{i - 1}'}]\n"
        for i in range(30)
    ) + "sites: *b29\n",
    "!!python/object/apply:builtins.eval [\"open('executed', 'w')\"]\n",
    "name: !!python/object/new:os.system [touch executed]\n",
    "sites: !!python/name:os.system\n",
    "base: self.yaml\n",
    "base: /dev/zero\n",
    "base: [a]\n",
    "? [a, b]\n: c\n",
    "- a\n- b\n",
    "text\n",
    "sites: " + "[" * 3000,
    "sites: " + "{a: " * 500 + "1" + "}" * 500 + "\n",
    "seed: " + "9" * 5000 + "\n",
    "seed: 0x" + "f" * 5000 + "\n",
    "seed: 2026-11-26\n",
    "seed: 1:30:00\n",
    "<<: {a: 1}\n",
    "\ufeffname: a\n",
    "\x00",
)  # fmt: skip


@cache
def files() -> tuple[bytes, ...]:
    """Return the files of the project."""
    return tuple(path.read_bytes() for path in sorted((ROOT / "configs").rglob("*.yaml")))


@cache
def resolved() -> tuple[dict[str, Any], ...]:
    """Return some of them complete, every key with its value."""
    names = ("demo", "deploy", "region", "paper", "studies/privacy", "studies/onboarding")
    return tuple(yaml.safe_load(dump(load([ROOT / f"configs/{name}.yaml"]))) for name in names)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value of a configuration."""
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def spoiled(content: dict[str, Any], random: np.random.Generator) -> dict[str, Any]:
    """Return a configuration with some values, keys or whole sections changed."""
    content = copy.deepcopy(content)
    for _ in range(int(random.integers(1, 4))):
        *above, last = chosen(random, list(places(content)))
        node: Any = content
        for key in above:
            node = node[key]
        kind = random.integers(5)
        if kind == 0:
            del node[last]
        elif kind == 1 and isinstance(node, dict):
            node[chosen(random, ["more", "", f"{last}s", str(last).upper(), "a.b", "0"])] = node[
                last
            ]
        elif kind == 2 and isinstance(node, list):
            node += [node[last]] * int(random.integers(1, 3))
        elif kind == 3 and isinstance(node[last], int | float):
            node[last] = type(node[last])(node[last] * chosen(random, [0, 0.5, 2, 3, 100, 10**7]))
        else:
            node[last] = copy.deepcopy(chosen(random, VALUES))
    return content


def try_one(random: np.random.Generator, folder: Path) -> None:
    """Read a configuration as the program does before it opens any data."""
    path, settings = folder / "self.yaml", []
    kind = random.integers(10)
    if kind < 3:
        path.write_bytes(spoiled_bytes(chosen(random, files()), random))
    elif kind < 4:
        path.write_text(chosen(random, HOSTILE), encoding="utf-8")
    else:
        content = chosen(random, resolved())
        if kind < 8:
            content = spoiled(content, random)
        text = yaml.safe_dump(content, allow_unicode=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        if kind >= 8:
            where = chosen(random, list(places(content)))
            key = ".".join(map(str, where)) + chosen(random, ["", "", ".0", ".x", "."])
            settings = [f"{key}={str(chosen(random, VALUES))[:3000]}"]
    used(load([path], settings))


def used(config: Config) -> None:
    """Do what is done with every configuration: write it, read it back, plan its rounds or runs."""
    assert load({**yaml.safe_load(dump(config))}) == config
    if config.study is not None:
        plan(config)
    else:
        schedule(config)


if __name__ == "__main__":
    command(try_one)
