"""Who took part, who waited for whom, and what it took to get somewhere."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from fed.metrics import metric as metric_named
from fed.results import Cost, GroupCost, Participation, RoundRecord, SiteRound, ToAccuracy
from fed.sites import SiteCard
from server.clock import Timing, VirtualClock
from server.exchange import Exchange
from server.membership import Membership
from server.observers import Outcome

NOT_SAMPLED = "not_sampled"
BUSY = ("receiving", "computing", "sending")
KINDS = (*BUSY, "waiting", "in_vain", "away")
OUTCOMES = (*get_args(Outcome), NOT_SAMPLED)
MARKS = (0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95)
"""Held-out scores of which it is told when they were reached: the same for every run."""


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
    membership: Membership, exchanges: Sequence[Exchange], measured: Mapping[str, float]
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
    names = [member.name for member in membership.with_role("train")]
    names += [site.name for site in membership.absent if site.role == "train"]
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


def outcome_counts(rounds: Sequence[RoundRecord], cards: Sequence[SiteCard]) -> Participation:
    """Count the rounds of each training site, and of all sites of a group, by outcome."""
    sites = {
        card.name: Counter(
            line.sites[card.name].outcome for line in rounds if card.name in line.sites
        )
        for card in _training(cards)
    }
    groups = {
        group: sum((sites[name] for name in names), Counter())
        for group, names in _groups(cards).items()
    }
    return Participation(groups=_by_outcome(groups), sites=_by_outcome(sites))


def time_by_group(
    rounds: Sequence[RoundRecord], cards: Sequence[SiteCard]
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


def _spent(line: RoundRecord, site: str) -> dict[str, float]:
    """Divide a round's virtual seconds by what one site did in them."""
    seconds = line.virtual_seconds or 0.0
    spent = dict.fromkeys(KINDS, 0.0)
    record = line.sites.get(site, SiteRound(outcome="absent"))
    if record.outcome == "answered":
        for kind in BUSY:
            spent[kind] = getattr(record, kind)
        spent["waiting"] = max(0.0, seconds - sum(spent.values()))
    else:
        spent["in_vain" if record.outcome == "late" else "away"] = seconds
    return spent


def to_accuracy(
    rounds: Sequence[RoundRecord], cards: Sequence[SiteCard], metric: str
) -> ToAccuracy:
    """Return what it took until a held-out score reached each of `MARKS`.

    Nothing is reached by a metric of which less is better: its marks would be others.
    """
    reached: dict[str, dict[str, int]] = {}
    better = metric_named(metric).higher_is_better
    for line in rounds if better else ():
        for condition, scored in (line.held_out or {}).items():
            value = scored[metric].value if metric in scored else None
            for mark in MARKS:
                if value is not None and value >= mark:
                    reached.setdefault(condition, {}).setdefault(f"{mark:.2f}", line.round)
    needed = sorted({number for marks in reached.values() for number in marks.values()})
    until = ([line for line in rounds if line.round <= number] for number in needed)
    return ToAccuracy(
        metric=metric, rounds=reached, cost=tuple(_cost(lines, cards) for lines in until)
    )


def _cost(rounds: Sequence[RoundRecord], cards: Sequence[SiteCard]) -> Cost:
    seconds = [line.virtual_seconds for line in rounds]
    spent = time_by_group(rounds, cards)
    return Cost(
        round=rounds[-1].round,
        virtual_seconds=None if None in seconds else sum(s for s in seconds if s is not None),
        down_bytes=sum(line.down_bytes for line in rounds),
        up_bytes=sum(line.up_bytes for line in rounds),
        groups={
            group: GroupCost(
                down_bytes=sum(s.down_bytes for s in _of(rounds, names)),
                up_bytes=sum(s.up_bytes for s in _of(rounds, names)),
                busy_seconds=sum(spent[group][kind] for kind in BUSY),
            )
            for group, names in _groups(cards).items()
        },
    )


def _of(rounds: Sequence[RoundRecord], sites: Sequence[str]) -> list[SiteRound]:
    return [line.sites[name] for line in rounds for name in sites if name in line.sites]


def _by_outcome(counts: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {
        name: {outcome: count[outcome] for outcome in OUTCOMES} for name, count in counts.items()
    }


def _training(cards: Sequence[SiteCard]) -> Iterator[SiteCard]:
    return (card for card in cards if card.role == "train")


def _groups(cards: Sequence[SiteCard]) -> dict[str, list[str]]:
    """Return the names of the training sites by group."""
    groups: dict[str, list[str]] = {}
    for card in _training(cards):
        groups.setdefault(card.group, []).append(card.name)
    return groups
