"""One federation in which every reply of the catalogue is sent once, and what came of each."""

import json
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from flwr.app import Context, RecordDict

from fed.config import Config, resolve
from fed.engines import EngineSettings, Node, start_grid
from server.app import make_app
from tests.acceptance.federations import group, tiny
from tests.hostile.catalogue import Attack, attacks

TRAINING, ROUNDS = 6, 7
METHOD = {
    "name": "hostile",
    "phases": [
        {"name": "all", "trains": ["encoders", "heads", "fusion"], "share": TRAINING / ROUNDS},
        {"name": "heads", "trains": ["heads"], "share": 1 / ROUNDS, "solve": {}},
    ],
    "standardise": True,
}
"""Asks for class statistics in every round of training, and for sums of features in the last."""
BOTH = ["fundus", "oct"]
Row = list[Attack | None]
"""What a site sends, an attack a round; None: its honest reply."""


@dataclass(frozen=True)
class Plan:
    """Who sends what in which round: ``"site round" -> name of an attack``."""

    config: Config
    orders: dict[str, str]
    names: tuple[str, ...]


def plan() -> Plan:
    """Share the catalogue out over sites and rounds; a site has one attack a round."""
    by_exchange: dict[str, list[Attack]] = {}
    for attack in attacks():
        by_exchange.setdefault(attack.on, []).append(attack)
    training = _rows(by_exchange["train"] + by_exchange["statistics"], TRAINING)
    rows: dict[str, list[Row]] = {
        "bad": [
            [*(first or []), *[None] * (TRAINING - len(first or [])), last]
            for first, last in zip_longest(training, by_exchange["sums"], fillvalue=None)
        ],
        "judge": _rows(by_exchange["evaluate"], ROUNDS),
        "card": [[attack] for attack in by_exchange["card"]],
    }
    orders = {
        f"{name}-{number} {turn}": attack.name
        for name, of_sites in rows.items()
        for number, of_site in enumerate(of_sites, 1)
        for turn, attack in enumerate(of_site, 0 if name == "card" else 1)
        if attack
    }
    sites = [
        group("honest", BOTH, cases=8, count=2),
        *(
            group(name, BOTH, cases=8, count=len(of_sites), role=role)
            for (name, of_sites), role in zip(
                rows.items(), ("train", "held_out", "train"), strict=True
            )
        ),
        group("unseen", BOTH, cases=8, role="held_out"),
    ]
    federation = tiny(
        sites=sites,
        method=METHOD,
        training={"rounds": ROUNDS, "batch_size": 8, "lr": 0.003},
        evaluation={"every": 1, "bootstrap": 2},
    )
    names = ["honest-1", "honest-2"]
    names += [f"{name}-{i + 1}" for name, of_sites in rows.items() for i in range(len(of_sites))]
    return Plan(resolve(federation), orders, (*names, "unseen"))


def _rows(found: list[Attack], rounds: int) -> list[Row]:
    """Cut a list into one a site, an attack a round."""
    return [list(found[start : start + rounds]) for start in range(0, len(found), rounds)]


def run(folder: Path, planned: Plan, engine: str = "inline", absent: bool = False) -> None:
    """Run the federation; `absent`: who would send a hostile reply does not answer instead."""
    folder.mkdir(parents=True)
    run_config = {
        "federation": planned.config,
        "out": str(folder),
        "attacks": json.dumps(planned.orders),
        "absent": absent,
    }
    nodes = [Node(name, 8.0) for name in planned.names]
    settings = EngineSettings(engine, workers=2 if engine == "ray" else None)  # type: ignore[arg-type]
    with start_grid(settings, nodes, run_config, "tests.hostile.sites:app") as grid:
        make_app()(grid, Context(0, 0, {}, RecordDict(), run_config))


def refusals(folder: Path, planned: Plan) -> dict[str, str]:
    """Return by attack what the run says of the site that sent it; absent if it says nothing."""
    results = json.loads((folder / "results.json").read_text())
    told = {f"{f['site']} {f['round']}": f["reason"] for f in results["failures"]}
    found = {}
    for place, attack in planned.orders.items():
        site, number = place.split()
        reason = told.get(f"{site} {max(1, int(number))}")
        if reason is not None:
            found[attack] = reason
    return found
