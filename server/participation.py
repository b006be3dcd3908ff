"""Who took part, who waited for whom, and what it took to get somewhere."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from fed.sites import SiteCard
from server.clock import Timing, VirtualClock
from server.exchange import Exchange
from server.observers import Outcome
from server.roster import Roster

NOT_SAMPLED = "not_sampled"
BUSY = ("receiving", "computing", "sending")
KINDS = (*BUSY, "waiting", "in_vain", "away")
OUTCOMES = (*get_args(Outcome), NOT_SAMPLED)
MARKS = (0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95)
"""Held-out AUCs of which it is told when they were reached: the same for every run."""

Record = Mapping[str, Any]
"""A line of ``rounds.jsonl``."""


def round_seconds(exchanges: Sequence[Exchange], clock: VirtualClock | None) -> float | None:
    """Return how long the server waited for the exchanges of a round, one after the other."""
    if clock is None:
        return None
    return sum(
        clock.exchange_seconds(
            [exchange.timings[site] for site in exchange.answered],
            silent=bool({"dropped", "late"} & set(exchange.outcomes().values())),
        )
        for exchange in exchanges
    )


def site_records(
    roster: Roster, exchanges: Sequence[Exchange], measured: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """Return what each training site did in a round, whose last exchange is the training.

    Parameters
    ----------
    measured : Mapping
        Seconds that each site's training took on this machine.

    Returns
    -------
    dict
        By site: ``outcome``; bytes; virtual seconds as in `Timing`, where there is a clock; and
        ``measured``, the seconds the training took on this machine.
    """
    outcomes = exchanges[-1].outcomes()
    names = [member.name for member in roster.with_role("train")]
    names += [site.name for site in roster.absent if site.role == "train"]
    records = {}
    for name in names:
        spent = sum((e.timings[name] for e in exchanges if name in e.timings), Timing())
        records[name] = {
            "outcome": outcomes.get(name, NOT_SAMPLED),
            "down_bytes": sum(e.traffic.down[name] for e in exchanges),
            "up_bytes": sum(e.traffic.up[name] for e in exchanges),
            "receiving": spent.receiving,
            "computing": spent.computing,
            "sending": spent.sending,
            "measured": measured.get(name, 0.0),
        }
    return records


def outcome_counts(
    rounds: Sequence[Record], cards: Sequence[SiteCard]
) -> dict[str, dict[str, dict[str, int]]]:
    """Count the rounds of each training site, and of all sites of a group, by outcome."""
    sites = {
        card.name: Counter(
            line["sites"][card.name]["outcome"] for line in rounds if card.name in line["sites"]
        )
        for card in _training(cards)
    }
    groups = {
        group: sum((sites[name] for name in names), Counter())
        for group, names in _groups(cards).items()
    }
    return {
        part: {
            name: {outcome: count[outcome] for outcome in OUTCOMES} for name, count in of.items()
        }
        for part, of in (("groups", groups), ("sites", sites))
    }


def time_by_group(
    rounds: Sequence[Record], cards: Sequence[SiteCard]
) -> dict[str, dict[str, float]]:
    """Return where the virtual seconds of a run went, on average over the sites of each group.

    Returns
    -------
    dict
        By group: ``receiving``, ``computing``, ``sending`` for answers that counted; ``waiting``
        for slower sites after them; ``in_vain``, rounds in which the site was late; ``away``,
        rounds in which it had no part or dropped out. They add up to the virtual time of the run.
    """
    return {
        group: {
            kind: sum(_spent(line, name)[kind] for line in rounds for name in names) / len(names)
            for kind in KINDS
        }
        for group, names in _groups(cards).items()
    }


def _spent(line: Record, site: str) -> dict[str, float]:
    """Divide a round's virtual seconds by what one site did in them."""
    seconds = line["virtual_seconds"] or 0.0
    spent = dict.fromkeys(KINDS, 0.0)
    record = line["sites"].get(site, {"outcome": "absent"})
    if record["outcome"] == "answered":
        for kind in BUSY:
            spent[kind] = record[kind]
        spent["waiting"] = max(0.0, seconds - sum(spent.values()))
    else:
        spent["in_vain" if record["outcome"] == "late" else "away"] = seconds
    return spent


def to_accuracy(rounds: Sequence[Record], cards: Sequence[SiteCard]) -> dict[str, Any]:
    """Return what it took until the held-out AUC reached each of `MARKS`.

    Returns
    -------
    dict
        ``rounds``: by condition and mark, the round of the first evaluation with that AUC or a
        higher one. ``cost``: for each of these rounds, what all rounds until then took: virtual
        seconds, bytes of training and class statistics (not of evaluations), and both by group.
    """
    reached: dict[str, dict[str, int]] = {}
    for line in rounds:
        for condition, metrics in (line["held_out"] or {}).items():
            auc = metrics["auc"]["value"]
            for mark in MARKS:
                if auc is not None and auc >= mark:
                    reached.setdefault(condition, {}).setdefault(f"{mark:.2f}", line["round"])
    needed = sorted({number for marks in reached.values() for number in marks.values()})
    until = ([line for line in rounds if line["round"] <= number] for number in needed)
    return {"rounds": reached, "cost": [_cost(lines, cards) for lines in until]}


def _cost(rounds: Sequence[Record], cards: Sequence[SiteCard]) -> dict[str, Any]:
    seconds = [line["virtual_seconds"] for line in rounds]
    spent = time_by_group(rounds, cards)
    return {
        "round": rounds[-1]["round"],
        "virtual_seconds": None if None in seconds else sum(seconds),
        "down_bytes": sum(line["down_bytes"] for line in rounds),
        "up_bytes": sum(line["up_bytes"] for line in rounds),
        "groups": {
            group: {
                "down_bytes": sum(_bytes(line, names, "down_bytes") for line in rounds),
                "up_bytes": sum(_bytes(line, names, "up_bytes") for line in rounds),
                "busy_seconds": sum(spent[group][kind] for kind in BUSY),
            }
            for group, names in _groups(cards).items()
        },
    }


def _bytes(line: Record, sites: Sequence[str], way: str) -> int:
    return sum(line["sites"][name][way] for name in sites if name in line["sites"])


def _training(cards: Sequence[SiteCard]) -> Iterator[SiteCard]:
    return (card for card in cards if card.role == "train")


def _groups(cards: Sequence[SiteCard]) -> dict[str, list[str]]:
    """Return the names of the training sites by group."""
    groups: dict[str, list[str]] = {}
    for card in _training(cards):
        groups.setdefault(card.group, []).append(card.name)
    return groups
