"""A virtual deadline wants a seconds_per_case, and a seconds_per_case all kinds of work."""

import pytest

from fed.config import resolve
from fed.errors import ConfigError
from tests.acceptance.federations import tiny

SECONDS = {"both": 0.1, "fundus": 0.1, "oct": 0.1}


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ({"deadline_s": 3.0}, r"clock\.deadline_s: give clock\.seconds_per_case, too"),
        (
            {"seconds_per_case": {"encoders": SECONDS, "fusion": SECONDS}},
            r"clock\.seconds_per_case: statistics is missing; fedrima needs encoders, fusion, stat",
        ),
        ({"seconds_per_case": {"encoders": {"both": 0.1}}}, r"encoders\.fundus: this key is need"),
    ],
)
def test_a_clock_that_cannot_tell_the_time_is_refused(clock, words):
    with pytest.raises(ConfigError, match=words):
        resolve(tiny(clock=clock))


def test_without_a_bank_no_statistics_are_timed():
    clock = {"seconds_per_case": {"encoders": SECONDS}, "deadline_s": 3.0}
    assert resolve(tiny(method="experts", clock=clock)).clock.deadline_s == 3.0
