"""The virtual clock against an example computed by hand (docs/uneven-world.md has it in words)."""

import pytest

from fed.config.clock import CaseSeconds
from fed.sites import Resources, SiteCard
from server.clock import Timing, VirtualClock
from server.exchange import Exchange
from server.membership import Membership
from server.observers import Failure
from server.participation import round_seconds

PACE = {
    "encoders": CaseSeconds(both=0.5, fundus=0.25, oct=0.125),
    "statistics": CaseSeconds(both=0.0625, fundus=0.03125, oct=0.03125),
}


def card(name, both=0, fundus=0, **resources):
    cases = {"both": (both - 1, 1) if both else (0, 0), "fundus": (fundus, 0), "oct": (0, 0)}
    owned = ("fundus", "oct") if both else ("fundus",)
    return SiteCard(name, name, "train", owned, cases, Resources(**resources))


HOSPITAL = card("hospital", both=10, speed=2.0, downlink_mbps=8, uplink_mbps=1)
CLINIC = card("clinic", fundus=8, speed=0.25, downlink_mbps=64, uplink_mbps=16)


def ended(**account):
    """Return an exchange that nobody sends, with its account."""
    return Exchange(1, "train", "encoders", None, Membership(()), **account)


def exchange(clock, work, traffic, failures=()):
    """Time both sites: bytes down and up of each."""
    timings = {c.name: clock.timing(c, work, *traffic[c.name]) for c in (HOSPITAL, CLINIC)}
    answered = [name for name in timings if name not in {f.site for f in failures}]
    return ended(answered=answered, failures=list(failures), timings=timings)


def test_a_round_takes_what_a_person_computes():
    clock = VirtualClock(PACE)
    training = exchange(
        clock, "encoders", {"hospital": (1_000_000, 500_000), "clinic": (2_000_000, 1_000_000)}
    )
    # 8 megabits at 8 a second; 10 cases of 0.5 s at twice the speed; 4 megabits at 1 a second.
    assert training.timings["hospital"] == Timing(1.0, 2.5, 4.0)
    # 16 megabits at 64 a second; 8 cases of 0.25 s at a quarter of the speed; 8 megabits at 16.
    assert training.timings["clinic"] == Timing(0.25, 8.0, 0.5)
    statistics = exchange(
        clock, "statistics", {"hospital": (500_000, 125_000), "clinic": (500_000, 125_000)}
    )
    assert statistics.timings["hospital"] == Timing(0.5, 0.3125, 1.0)  # 1.8125 in all
    assert statistics.timings["clinic"] == Timing(0.0625, 1.0, 0.0625)  # 1.125 in all
    # The hospital is the last with its statistics, the clinic with its training.
    assert round_seconds([statistics, training], clock) == 1.8125 + 8.75


def test_a_case_with_one_modality_counts_as_what_it_has():
    mixed = card("mixed", both=2, fundus=4)
    timing = VirtualClock(PACE).timing(mixed, "encoders", 0, 0)
    assert timing.computing == 2 * 0.5 + 4 * 0.25


@pytest.mark.parametrize("outcome", ["dropped", "late"])
def test_who_gives_no_sign_is_waited_for_until_the_deadline(outcome):
    bytes_ = {"hospital": (1_000_000, 500_000), "clinic": (0, 0)}
    silent = [Failure("clinic", "", outcome)]
    clock = VirtualClock(PACE, deadline_s=7.75)
    assert round_seconds([exchange(clock, "encoders", bytes_, silent)], clock) == 7.75
    unbounded = VirtualClock(PACE)
    assert round_seconds([exchange(unbounded, "encoders", bytes_, silent)], unbounded) == 7.5


def test_who_cannot_be_asked_or_says_that_it_failed_is_not_waited_for():
    clock = VirtualClock(PACE, deadline_s=100)
    for outcome in ("unavailable", "absent", "failed"):
        failures = [Failure("clinic", "", outcome)]
        bytes_ = {"hospital": (1_000_000, 500_000), "clinic": (0, 0)}
        assert round_seconds([exchange(clock, "encoders", bytes_, failures)], clock) == 7.5


def test_an_answer_at_the_deadline_is_in_time():
    clock = VirtualClock(PACE, deadline_s=8.75)
    assert clock.lateness(Timing(0.25, 8.0, 0.5)) is None
    assert clock.lateness(Timing(0.25, 8.0, 0.5625)) == (
        "too slow: 8.8125 s, clock.deadline_s is 8.75"
    )


def test_without_a_pace_there_is_no_virtual_time():
    assert round_seconds([ended()], None) is None
