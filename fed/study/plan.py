"""From a configuration with a `study` to the runs that it is made of."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from fed.config import Config, Study, assign, resolve
from fed.config.study import ONLY, Level
from fed.errors import ConfigError, nearest
from fed.metrics import measured

QUICK = "-quick"
"""End of the name of a coarse version."""
QUICK_ROUNDS = 3
QUICK_FEWEST_ROUNDS = 2  # a method has two phases
ROUNDS = "training.rounds"
ONBOARDING = "evaluation.onboarding"
QUICK_CASES = 0.25
QUICK_FEWEST_CASES = 16
QUICK_SEEDS = 2
QUICK_LEVELS = 2


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes
    ----------
    method : str
    seed : int
    setting : str
        What is varied and to what, as in tables: ``training.lr=0.01``; `ONLY` where nothing is.
    levels : Mapping
        The level of each varied factor, by its name.
    config : Config
        Resolved and complete, without the study.
    """

    method: str
    seed: int
    setting: str
    levels: Mapping[str, str]
    config: Config

    @property
    def identity(self) -> str:
        """What tells the run from all others, as hexadecimal digits."""
        return content_hash(self.config)

    @property
    def folder(self) -> str:
        """Name of the run's folder; it changes with whatever changes the result."""
        setting = "" if self.setting == ONLY else f"-{_slug(self.setting)}"
        return f"{self.method}{setting}-s{self.seed}-{self.identity[:8]}"


def content_hash(config: Config) -> str:
    """Hash all of a configuration that its results depend on: everything but where it runs."""
    content = json.loads(config.model_dump_json(exclude={"engine", "study"}))
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def plan(config: Config) -> list[PlannedRun]:
    """Return the runs of a study, by seed, then setting, then method.

    Raises
    ------
    ConfigError
        If a combination is no valid configuration, a method or metric is unknown, or the reference
        is none of the methods or settings.
    """
    study = _study(config)
    settings = list(_settings(study))
    runs = [
        _run(config, study, method, seed, levels, changes)
        for seed in study.seeds
        for levels, changes in settings
        for method in methods(config)
    ]
    reference(config, runs)
    _require_metrics(config)
    return runs


def methods(config: Config) -> tuple[str, ...]:
    """Return the names of the methods that a study compares."""
    return _study(config).method_names or (config.method.name,)


def reference(config: Config, runs: list[PlannedRun]) -> str:
    """Return what others are compared with: a method, or, of one method alone, a setting.

    Where sites adapt the model to an archive, a method means one adapted by some procedure.

    Raises
    ------
    ConfigError
        If the study names one that it does not run.
    """
    study, compared = _study(config), methods(config)
    if study.reference is not None or len(compared) > 1:
        return study.reference or compared[0]
    settings = list(dict.fromkeys(run.setting for run in runs))
    if study.baseline is not None and study.baseline not in settings:
        hint = nearest(study.baseline, settings)
        raise ConfigError(f"study.baseline: no setting {study.baseline!r}{hint}")
    return study.baseline or settings[0]


def _require_metrics(config: Config) -> None:
    study, there = _study(config), measured(config.evaluation)
    endpoint = (study.endpoint.metric,) if study.endpoint else ()
    asked = {"metric": (study.metric,), "figures": study.figures, "endpoint.metric": endpoint}
    for key, chosen in asked.items():
        for name in chosen:
            if name not in there:
                raise ConfigError(f"study.{key}: no metric {name!r}{nearest(name, there)}")
    for name in study.tables:
        if name not in study.figures:
            raise ConfigError(
                f"study.tables: {name!r} is not one of study.figures{nearest(name, study.figures)}"
            )


def quick(config: Config) -> Config:
    """Return a coarse version of a study: few rounds, cases, seeds, methods and settings.

    Its name ends in ``-quick``, which all of its outputs carry.
    """
    study = _study(config)
    fewer = _fewer_rounds(config)
    vary = {
        name: _ends_of(levels, fewer)
        if isinstance(levels, Mapping)
        else [fewer(level) if name == ROUNDS else level for level in _ends(levels)]
        for name, levels in study.vary.items()
    }
    chosen = study.quick or study.method_names
    labels = {str(label) for levels in vary.values() for label in levels}
    tuned = {
        method: {
            label: {key: fewer(v) if key == ROUNDS else v for key, v in own[label].items()}
            for label in own
            if label in labels
        }
        for method, own in study.tuned.items()
        if method in chosen
    }
    kept = study.reference if study.reference in chosen or not study.methods else None
    given = dict(zip(study.method_names, study.methods, strict=True))
    raw = json.loads(config.model_dump_json())
    raw["name"] = config.name + QUICK
    raw["study"] |= {
        "methods": [given[name] for name in chosen],
        "seeds": list(study.seeds[:QUICK_SEEDS]),
        "vary": json.loads(json.dumps(vary)),
        "tuned": tuned,
        "reference": kept,
        "baseline": None,
    }
    raw["training"]["rounds"] = fewer(config.training.rounds)
    raw["evaluation"]["bootstrap"] = min(config.evaluation.bootstrap, 200)
    whole = _has_archives(config)
    for group in raw["sites"]:
        if group["role"] == "train" or not whole:  # archives are not cut
            group["cases"] = _fewer(group["cases"])
    return resolve(raw)


def _has_archives(config: Config) -> bool:
    varied = (key for _, keys in _settings(_study(config)) for key in keys)
    fixed = config.evaluation.onboarding is not None
    return fixed or any(key.startswith(ONBOARDING) for key in varied)


def is_quick(config: Config) -> bool:
    """Return whether a study is the coarse version of another one."""
    return config.name.endswith(QUICK)


def _run(
    config: Config,
    study: Study,
    method: str,
    seed: int,
    levels: Mapping[str, str],
    changes: Mapping[str, Any],
) -> PlannedRun:
    setting = "; ".join(f"{name}={level}" for name, level in levels.items()) or ONLY
    raw = json.loads(config.model_dump_json())
    raw["study"] = None
    raw["seed"] = seed
    if study.methods:
        raw["method"] = study.methods[study.method_names.index(method)]
    own = study.tuned.get(method, {})
    labels = tuple(levels.values()) or (ONLY,)
    chosen = [item for label in labels for item in own.get(label, {}).items()]
    try:
        for key, value in [*changes.items(), *chosen]:
            assign(raw, key, value)
        return PlannedRun(method, seed, setting, levels, resolve(raw))
    except ConfigError as error:
        raise ConfigError(f"study, {method}, {setting}: {error}") from None


def _settings(study: Study) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Yield every combination of levels: their labels by factor, and the keys they set."""
    factors = []
    for name, levels in study.vary.items():
        if isinstance(levels, Mapping):
            factors.append([(name, str(label), dict(keys)) for label, keys in levels.items()])
        else:
            factors.append([(name, _label(value), {name: value}) for value in levels])
    for combination in product(*factors):
        labels = {name: label for name, label, _ in combination}
        changes = {key: value for _, _, keys in combination for key, value in keys.items()}
        yield labels, changes


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else json.dumps(value).replace('"', "")


def _slug(setting: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", setting).strip("-")[:60]


def _study(config: Config) -> Study:
    if config.study is None:
        raise ConfigError("study: the configuration describes one run; a study is needed")
    return config.study


def _ends(levels: tuple[Any, ...]) -> list[Any]:
    return list(levels) if len(levels) <= QUICK_LEVELS else [levels[0], levels[-1]]


def _ends_of(levels: Mapping[str, Any], fewer: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        label: {key: fewer(v) if key == ROUNDS else v for key, v in levels[label].items()}
        for label in _ends(tuple(levels))
    }


def _fewer_rounds(config: Config) -> Callable[[Any], Any]:
    """Return what scales rounds down, all of a study by the same factor.

    What is no number of rounds it leaves as it is, for the plan to refuse.
    """
    found = [config.training.rounds]
    study = _study(config)
    levels: list[Level] = [keys for _, keys in _settings(study)]
    levels += [level for own in study.tuned.values() for level in own.values()]
    found += [keys[ROUNDS] for keys in levels if ROUNDS in keys]
    most = max(rounds for rounds in found if _is_rounds(rounds))
    share = min(1.0, QUICK_ROUNDS / most)
    return lambda value: (
        max(min(value, QUICK_FEWEST_ROUNDS), round(share * value)) if _is_rounds(value) else value
    )


def _is_rounds(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _fewer(cases: Any) -> Any:
    """Return fewer cases of a group of phantom eyes; shares and names of real ones stay."""
    if isinstance(cases, dict):
        return cases | {"median": max(QUICK_FEWEST_CASES, cases["median"] * QUICK_CASES)}
    if isinstance(cases, int) and not isinstance(cases, bool):
        return max(min(cases, QUICK_FEWEST_CASES), round(cases * QUICK_CASES))
    return cases
