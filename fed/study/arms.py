"""Runs to be compared, put together into arms: the seeds of one configuration."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fed.config import Config
from fed.results import Run

APART = ("seed", "name", "engine", "study", "start", "trackers")
"""Keys in which the runs of one arm may differ: they say nothing of what is compared."""
MISSING = "—"
"""Stands for a key that a configuration does not have."""


@dataclass(frozen=True)
class Arm:
    """Runs of one configuration, a seed each.

    Attributes
    ----------
    name : str
        What tables call it.
    runs : tuple of Run
        In the order of their seeds.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def by_seed(self) -> dict[int, Run]:
        """The runs by their seeds."""
        return {run.results.seed: run for run in self.runs}


def arms_of(runs: Sequence[Run]) -> tuple[Arm, ...]:
    """Put the seeds of one configuration together, in the order in which they are given.

    Where that leaves a single arm, or two runs of one seed in an arm, each run is an arm of its own.
    """
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(_key(run.config), []).append(run)
    groups = list(grouped.values())
    twice = any(len({run.results.seed for run in group}) < len(group) for group in groups)
    if twice or len(groups) == 1:
        groups = [[run] for run in runs]
    sorted_groups = [sorted(group, key=lambda run: run.results.seed) for group in groups]
    names = _names([group[0] for group in sorted_groups])
    return tuple(Arm(name, tuple(g)) for name, g in zip(names, sorted_groups, strict=True))


def differences(arms: Sequence[Arm]) -> dict[str, tuple[str, ...]]:
    """Return the keys in which the configurations of arms differ, with the values of each."""
    flat = [_flat(_content(arm.runs[0].config)) for arm in arms]
    keys = dict.fromkeys(key for each in flat for key in each)
    found = {key: tuple(each.get(key, MISSING) for each in flat) for key in keys}
    return {
        key: values
        for key, values in found.items()
        if len(set(values)) > 1 and key.split(".")[0] not in APART and key != "method.summary"
    }


def _key(config: Config) -> str:
    kept = {key: value for key, value in _content(config).items() if key not in APART}
    kept["method"] = {k: v for k, v in kept["method"].items() if k != "summary"}
    return json.dumps(kept, sort_keys=True)


def _content(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(config.model_dump_json())
    return found


def _flat(content: Any, path: str = "") -> dict[str, str]:
    """Return every value by its dotted path; the entries of a list go by their names."""
    if isinstance(content, Mapping):
        found: dict[str, str] = {}
        for key, value in content.items():
            found |= _flat(value, f"{path}.{key}" if path else str(key))
        return found
    if isinstance(content, list) and content and all(_named(entry) for entry in content):
        return _flat({entry["name"]: entry for entry in content}, path)
    return {path: json.dumps(content, ensure_ascii=False).strip('"')}


def _named(entry: Any) -> bool:
    return isinstance(entry, Mapping) and "name" in entry


def _names(runs: Sequence[Run]) -> list[str]:
    """Call each by the least that tells it from the others."""
    choices: tuple[Callable[[Run], str], ...] = (
        lambda run: run.results.method,
        lambda run: run.results.name,
        lambda run: f"{run.results.name}, {run.results.method}",
        lambda run: f"{run.results.method}, seed {run.results.seed}",
        lambda run: run.folder.resolve().name,
        lambda run: str(run.folder),
    )
    for choice in choices:
        names = [choice(run) for run in runs]
        if len(set(names)) == len(names):
            return names
    return [f"run {number}" for number in range(1, len(runs) + 1)]
