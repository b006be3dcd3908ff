from pathlib import Path

import pytest

from fed.config import load
from fed.errors import ConfigError
from fed.schedule import schedule

DEMO = Path(__file__).parents[2] / "configs" / "demo.yaml"


def rounds(*overrides):
    return schedule(load([DEMO], overrides))


def test_phases_share_the_rounds_and_follow_each_other():
    plan = rounds("training.rounds=10", "method.phases.0.share=0.8", "method.phases.1.share=0.2")
    assert [r.phase for r in plan] == [0] * 8 + [1] * 2
    assert [r.number for r in plan] == list(range(1, 11))
    assert [r.number for r in plan if r.first] == [1, 9]
    assert [r.number for r in plan if r.last] == [8, 10]


def test_every_phase_has_a_round_however_small_its_share():
    assert [r.phase for r in rounds("training.rounds=2", "method.phases.1.share=0.01")] == [0, 1]


def test_the_cosine_starts_at_the_rate_in_each_phase_and_falls():
    plan = rounds("training.rounds=12", "training.lr=0.1")
    for phase in (0, 1):
        rates = [r.lr for r in plan if r.phase == phase]
        assert rates[0] == pytest.approx(0.1)
        assert rates == sorted(rates, reverse=True)


def test_the_last_round_is_always_evaluated():
    assert [r.number for r in rounds("training.rounds=7", "evaluation.every=3") if r.evaluate] == [
        3,
        6,
        7,
    ]


def test_fewer_rounds_than_phases_are_refused():
    with pytest.raises(ConfigError, match=r"training\.rounds"):
        rounds("training.rounds=1")


@pytest.mark.parametrize("total", range(2, 30))
def test_a_method_that_ends_early_has_the_rounds_of_one_that_goes_on(total):
    whole, early = (
        rounds(f"method={method}", f"training.rounds={total}", f"evaluation.every={total + 1}")
        for method in ("fedrima", "experts")
    )
    assert len(whole) == total
    assert [(r.number, r.lr) for r in early] == [(r.number, r.lr) for r in whole if r.phase == 0]
    assert early[-1].evaluate
    assert early[-1].last
