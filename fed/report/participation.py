"""Typed values of who took part, and of what it took until the model was good."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fed.sites import CONDITIONS, Condition


@dataclass(frozen=True)
class GroupCost:
    """What the sites of a group had spent by a round.

    Attributes
    ----------
    down, up : int
        Bytes of all its sites.
    busy_seconds : float
        Virtual seconds of a site, on average.
    """

    down: int
    up: int
    busy_seconds: float


@dataclass(frozen=True)
class Mark:
    """A round in which a held-out AUC was reached, and what it took until then.

    Attributes
    ----------
    reached : Mapping
        The AUC reached, by condition.
    groups : Mapping
        By group.
    """

    reached: Mapping[Condition, str]
    round: int
    virtual_seconds: float | None
    down: int
    up: int
    groups: Mapping[str, GroupCost]


@dataclass(frozen=True)
class Participation:
    """What the run tells of its uneven sites.

    Attributes
    ----------
    outcomes : Mapping
        By group and outcome, the rounds of all its sites together.
    seconds : Mapping
        By group and what they went into, virtual seconds a site; empty without a clock.
    pace : Mapping
        Seconds a case, by work and by what the case has.
    """

    outcomes: Mapping[str, Mapping[str, int]]
    seconds: Mapping[str, Mapping[str, float]]
    pace: Mapping[str, Mapping[str, float]]
    marks: tuple[Mark, ...]


def parse_participation(raw: Mapping[str, Any]) -> Participation:
    """Read what ``results.json`` says of it; a run of an earlier version says nothing."""
    time, reached = raw["time"], raw.get("to_accuracy", {"rounds": {}, "cost": []})
    return Participation(
        outcomes=raw.get("participation", {}).get("groups", {}),
        seconds=time.get("virtual_by_group") or {},
        pace=time.get("seconds_per_case") or {},
        marks=tuple(_mark(cost, reached["rounds"]) for cost in reached["cost"]),
    )


def _mark(cost: Mapping[str, Any], rounds: Mapping[str, Mapping[str, int]]) -> Mark:
    number = cost["round"]
    return Mark(
        reached={
            condition: max(mark for mark, reached in rounds[condition].items() if reached == number)
            for condition in CONDITIONS
            if number in rounds.get(condition, {}).values()
        },
        round=number,
        virtual_seconds=cost["virtual_seconds"],
        down=cost["down_bytes"],
        up=cost["up_bytes"],
        groups={
            name: GroupCost(group["down_bytes"], group["up_bytes"], group["busy_seconds"])
            for name, group in cost["groups"].items()
        },
    )
