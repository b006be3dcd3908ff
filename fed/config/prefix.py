"""The part of a configuration that decides the state at the end of a phase.

A phase is a run that starts from the state another left. Whether two runs come to the same state is
a question about their configurations: they do if these are equal once everything is set to its
default that has had no hand in it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import fed
from fed.config.method import Method
from fed.config.schema import Config, Engine, Evaluation

NAME = "state"
"""Of a run that trains phases for others to start from."""
IDLE = {"on_frozen"}
"""Of a phase: what has had its say once a configuration is resolved."""


def up_to_phase(config: Config, phases: int) -> Config:
    """Return the configuration of a run that ends with one of the first phases, and judges nobody.

    Parameters
    ----------
    phases : int
        How many of the method's phases it runs.
    """
    changes: dict[str, Any] = {
        "name": NAME,
        "start": None,
        "study": None,
        "engine": Engine(),
        "trackers": (),
        "method": _method(config.method, phases),
        "evaluation": Evaluation(conditions=(), validation=config.evaluation.validation),
    }
    # Real sites share out the patients of their source, held-out ones too.
    if not any(config.data_of(group).real for group in config.sites):
        changes["sites"] = tuple(group for group in config.sites if group.role == "train")
    return config.model_copy(update=changes)


def state_key(config: Config, phases: int) -> str:
    """Return a hash of all that decides the state at the end of a phase."""
    content = up_to_phase(config, phases).model_dump_json()
    digest = hashlib.sha256(f"{fed.__version__} {content}".encode())
    model = config.model
    for path in (model.init, model.fundus_weights, model.oct_weights):
        if path is not None and Path(path).is_file():
            digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()[:32]


def _method(method: Method, phases: int) -> Method:
    """Return a method that ends early, without what only its later phases ask for."""
    kept = method.phases[:phases]
    trained = {part for phase in kept for part in phase.trains}
    terms = tuple(t for t in method.terms if any(t.with_parts <= set(p.trains) for p in kept))
    always = {
        "name": NAME,
        "phases": json.loads(json.dumps([phase.model_dump(exclude=IDLE) for phase in kept])),
        "predict": "experts" if "heads" in trained else "fusion",
        "terms": terms,
    }
    shared = (
        "pool",
        "loss",
        "other_devices",
        "send",
        "own_normalisation",
        "weight",
        "reduce",
        "server_optimizer",
    )
    unchanged = {name: getattr(method, name) for name in (*shared, "average_last")}
    if any(phase.joins for phase in kept):
        unchanged = {name: getattr(method, name) for name in Method.model_fields}
        unchanged["summary"] = ""
    return Method.model_validate(unchanged | always)
