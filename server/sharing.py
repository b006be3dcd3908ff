"""What runs of a study have in common: the state at the end of a phase, under a content hash.

Experts, FedRIMA and its ablations train the same encoders; federations that differ only in their
held-out sites train the same model. The first run to get there leaves its state, before anyone
scores it; others start from it and end with the same bytes as if they had trained it themselves.

The hash covers everything that can have had a hand in the state. What is left out of it is listed
here, each with the reason; when in doubt it is not left out.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import fed
from fed.config import Config
from fed.initial import initial_model
from fed.sites import MODALITIES
from fed.states import State
from model.parts import trained_modules
from model.rima import modules_of
from server.checkpoint import load_checkpoint, save_checkpoint
from server.rounds import Progress
from server.schedule import Round, schedule

RECORDS = "rounds.jsonl"

NO_HAND_IN_TRAINING = ("name", "study", "engine")
"""Names of things, and where sites run: results do not depend on it."""

AFTER_THE_ENCODERS = (
    "fusion",
    "predictors",
    "plan",
    "standardise",
    "fill",
    "align_both",
    "align_single",
    "distance",
    "corrects_experts",
    "modality_dropout",
    "distil",
    "contrast",
    "clusters",
    "prototypes",
)
"""Of a method: what only training predictors or fusion asks for. The first two shape the network;
that its trained parts start alike is looked at in their values."""


class SharedStates:
    """The store of one study, as one of its runs uses it.

    Parameters
    ----------
    store : Path
        A folder an entry, named by its key; created if absent.
    config : Config
        Of the run.

    Attributes
    ----------
    keys : dict
        The key of each phase, by the number of its last round.
    """

    def __init__(self, store: Path, config: Config) -> None:
        self._store = store
        self._config = config
        self._initial = initial_model(config)
        self.keys = state_keys(config, self._initial)

    def furthest(self) -> tuple[Progress, list[dict[str, Any]]] | None:
        """Return the latest state that is there, and the records of its rounds; or None.

        The record of the last round has not been scored yet.
        """
        for number, key in sorted(self.keys.items(), reverse=True):
            entry = self._store / key
            if entry.exists():
                return self._progress(entry, number), _records(entry)
        return None

    def keep(self, progress: Progress, records: list[dict[str, Any]]) -> None:
        """Leave the state at the end of a phase, unless it is there already."""
        key = self.keys.get(progress.completed)
        if key is None or (self._store / key).exists():
            return
        unfinished = self._store / f".{key}.{os.getpid()}.part"
        save_checkpoint(unfinished, progress)
        text = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records)
        (unfinished / RECORDS).write_text(text, encoding="utf-8")
        try:
            unfinished.rename(self._store / key)
        except OSError:  # another run was faster, with the same bytes
            shutil.rmtree(unfinished)

    def _progress(self, entry: Path, number: int) -> Progress:
        """Return the state with what the run's own start had in the parts not trained so far."""
        found = load_checkpoint(entry, self._config)
        assert found is not None
        modules = _trained(self._config, number)
        if _reaches_fusion(self._config, number):
            return found
        found.model = _taken_over(self._initial, found.model, modules)
        for age, state in enumerate(found.recent):
            found.recent[age] = _taken_over(self._initial, state, modules)
        return found


def state_keys(config: Config, initial: State) -> dict[int, str]:
    """Return the key of each phase of a run, by the number of its last round."""
    return {
        plan.number: state_key(config, plan.number, initial)
        for plan in schedule(config)
        if plan.last
    }


def state_key(config: Config, number: int, initial: State) -> str:
    """Hash what determines the state at the end of round `number`, before it is scored.

    Parameters
    ----------
    config : Config
    number : int
        The last round of a phase.
    initial : State
        The model that the run starts from: its trained parts enter by their values, so that
        files of weights count by content.
    """
    rounds = schedule(config)[:number]
    content = json.loads(config.model_dump_json(exclude=set(NO_HAND_IN_TRAINING)))
    scored = any(plan.evaluate for plan in rounds[:-1])
    content["training"].pop("rounds")  # which rounds, at which rate, is told by the schedule
    content["evaluation"].pop("every")
    content["evaluation"].pop("bootstrap")  # of the final scores
    if not scored:
        content["evaluation"].pop("conditions")
        content["evaluation"].pop("onboarding")
        # Real sites share out the patients of their source, held-out ones too.
        if not any(config.data_of(group).real for group in config.sites):
            content["sites"] = [site for site in content["sites"] if site["role"] == "train"]
    _reduce_method(content["method"], config, number, scored)
    modules = modules_of(initial)
    start = hashlib.sha256()
    for key in sorted(key for m in _trained(config, number) for key in modules.get(m, ())):
        value = np.ascontiguousarray(initial[key])
        start.update(f"{key} {value.dtype} {value.shape}".encode())
        start.update(value.tobytes())
    content |= {
        "version": fed.__version__,
        "schedule": [_timing(plan, plan is not rounds[-1]) for plan in rounds],
        "start": start.hexdigest(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _reduce_method(method: dict[str, Any], config: Config, number: int, scored: bool) -> None:
    """Leave out of a method what had no hand in the state after round `number`."""
    last = schedule(config)[number - 1].phase
    method["phases"] = method["phases"][: last + 1]
    for phase in method["phases"]:
        phase.pop("share")  # told by the schedule
    method.pop("name")
    method.pop("summary")
    if not scored:
        method.pop("predict")
    if not _reaches_fusion(config, number):
        for option in AFTER_THE_ENCODERS:
            method.pop(option)
        method["combine"].pop("both_share")  # of predictors and fusion


def _timing(plan: Round, before_the_last: bool) -> dict[str, Any]:
    """Return a round as training sees it; whether the last one is scored comes after."""
    timing = asdict(plan)
    if not before_the_last:
        timing.pop("evaluate")
    return timing


def _phases(config: Config, number: int) -> set[str]:
    """Return the parts that the phases up to round `number` train."""
    last = schedule(config)[number - 1].phase
    return {part for phase in config.method.phases[: last + 1] for part in phase.trains}


def _trained(config: Config, number: int) -> tuple[str, ...]:
    return trained_modules(_phases(config, number), MODALITIES)


def _reaches_fusion(config: Config, number: int) -> bool:
    return bool({"predictors", "fusion"} & _phases(config, number))


def _taken_over(initial: State, found: State, modules: tuple[str, ...]) -> dict[str, Any]:
    """Return the found values of trained modules, and of models that sites keep apart."""
    own = {key: np.array(v) for key, v in initial.items() if _module(key) not in modules}
    return own | {key: v for key, v in found.items() if "/" in key or _module(key) in modules}


def _module(key: str) -> str:
    return key.split(".", 1)[0]


def _records(entry: Path) -> list[dict[str, Any]]:
    lines = (entry / RECORDS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
