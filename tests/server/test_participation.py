"""Sums over the lines of a run, against sums made by hand."""

from fed.results import RoundRecord
from fed.sites import Resources, SiteCard
from server.participation import outcome_counts, time_by_group, to_accuracy


def card(name, group, role="train"):
    cases = {"both": (1, 1), "fundus": (0, 0), "oct": (0, 0)}
    return SiteCard(name, group, role, ("fundus", "oct"), cases, Resources())


CARDS = [card("a-1", "a"), card("a-2", "a"), card("b", "b"), card("u", "u", "held_out")]


def site(outcome, *times, down=0, up=0):
    receiving, computing, sending = times or (0.0, 0.0, 0.0)
    return {
        "outcome": outcome,
        "down_bytes": down,
        "up_bytes": up,
        "receiving": receiving,
        "computing": computing,
        "sending": sending,
    }


def auc(both, fundus):
    return {"both": {"auc": {"value": both}}, "fundus": {"auc": {"value": fundus}}}


def line(number, seconds, sites, held_out=None):
    return RoundRecord.model_validate(
        {
            "round": number,
            "phase": "encoders",
            "lr": 0.1,
            "participants": [],
            "losses": {},
            "seconds": 1.0,
            "virtual_seconds": seconds,
            "down_bytes": sum(s["down_bytes"] for s in sites.values()),
            "up_bytes": sum(s["up_bytes"] for s in sites.values()),
            "sites": sites,
            "held_out": held_out,
        }
    )


ROUNDS = [
    line(
        1,
        10.0,
        {
            "a-1": site("answered", 1.0, 2.0, 3.0, down=100, up=10),
            "a-2": site("late", 1.0, 30.0, 3.0, down=100),
            "b": site("answered", 2.0, 5.0, 3.0, down=50, up=5),
        },
        auc(0.66, None),
    ),
    line(
        2,
        8.0,
        {
            "a-1": site("unavailable"),
            "a-2": site("answered", 1.0, 4.0, 3.0, down=100, up=10),
            "b": site("dropped", down=50),
        },
        auc(0.64, 0.81),
    ),
]


def test_every_round_of_every_site_is_counted_once():
    counts = outcome_counts(ROUNDS, CARDS)
    assert {k: n for k, n in counts.groups["a"].items() if n} == {
        "answered": 2,
        "late": 1,
        "unavailable": 1,
    }
    assert {k: n for k, n in counts.sites["b"].items() if n} == {"answered": 1, "dropped": 1}
    assert "u" not in counts.sites


def test_the_time_of_a_group_adds_up_to_that_of_the_run():
    spent = time_by_group(ROUNDS, CARDS)
    assert spent["a"] == {
        "receiving": 1.0,  # (1 + 1) / 2 sites
        "computing": 3.0,
        "sending": 3.0,
        "waiting": 2.0,  # a-1 waits 4 s for b in round 1, a-2 for nobody in round 2
        "in_vain": 5.0,  # a-2, round 1
        "away": 4.0,  # a-1, round 2
    }
    assert all(sum(kinds.values()) == 18.0 for kinds in spent.values())


def test_a_mark_is_reached_at_the_first_evaluation_that_has_it():
    found = to_accuracy(ROUNDS, CARDS, "auc")
    assert found.rounds["both"] == {"0.60": 1, "0.65": 1}
    assert found.rounds["fundus"] == {"0.60": 2, "0.65": 2, "0.70": 2, "0.75": 2, "0.80": 2}
    first, second = found.cost
    assert (first.virtual_seconds, second.virtual_seconds) == (10.0, 18.0)
    assert (second.down_bytes, second.up_bytes) == (400, 25)
    assert first.groups["b"].content() == {"down_bytes": 50, "up_bytes": 5, "busy_seconds": 10.0}
    assert second.groups["a"].content() == {"down_bytes": 300, "up_bytes": 20, "busy_seconds": 7.0}


def test_nothing_is_reached_by_a_metric_of_which_less_is_better():
    errors = {"both": {"nll": {"value": 0.7}}}
    found = to_accuracy([line(1, 1.0, {}, errors)], CARDS, "nll")
    assert (found.rounds, found.cost) == ({}, ())
