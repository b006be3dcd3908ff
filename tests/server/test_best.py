"""Which round is the best."""

import pytest

from fed.config import load
from fed.errors import ConfigError
from fed.results import Estimate, RoundRecord
from server.best import best_round, out_of_patience
from tests.fed.config.test_loading import DEMO


def configured(*settings):
    return load([DEMO], ["evaluation.validation=0.2", *settings])


def line(number, phase="fusion", metric="auc", **values):
    table = {c: {metric: Estimate(value=v)} for c, v in values.items()} or None
    return RoundRecord(
        round=number,
        phase=phase,
        lr=0.1,
        participants=(),
        losses={},
        down_bytes=0,
        up_bytes=0,
        seconds=0.0,
        validation=table,
    )


def test_it_is_the_earliest_of_the_last_phase_with_the_best_mean_over_conditions():
    rounds = [
        line(5, "encoders", both=0.99, fundus=0.99, oct=0.99),
        line(10, both=0.5, fundus=0.6, oct=0.7),
        line(11),
        line(15, both=0.9, fundus=0.6, oct=0.6),
        line(20, both=0.7, fundus=0.7, oct=0.7),
    ]
    best = best_round(rounds, configured())
    assert (best.round, best.value) == (15, pytest.approx(0.7))
    assert best_round(rounds[:2], configured()).round == 10
    assert best_round(rounds[:1], configured()) is None


def test_less_is_better_of_some_metrics_and_what_is_undefined_does_not_count():
    rounds = [
        line(1, metric="nll", both=0.9, fundus=0.7, oct=0.8),
        line(2, metric="nll", both=0.4, fundus=None, oct=0.6),
        line(3, metric="nll", both=None, fundus=None, oct=None),
    ]
    best = best_round(rounds, configured("evaluation.headline=nll"))
    assert (best.round, best.value) == (2, pytest.approx(0.5))


@pytest.mark.parametrize(
    ("aucs", "stops"),
    [
        ((0.7, 0.7), False),  # one round since the best, which is the earliest of equals
        ((0.7, 0.6, 0.65), True),
        ((0.7, 0.6, 0.8, 0.75), False),  # a better one begins the count anew
        ((0.7, None, 0.6), False),  # a round without a score is no worse one
        ((), False),
    ],
)
def test_training_stops_when_as_many_scored_rounds_were_no_better(aucs, stops):
    rounds = [line(1, "encoders", both=0.9), line(2, "encoders", both=0.1)]
    rounds += [line(3 + k, both=auc, fundus=auc, oct=auc) for k, auc in enumerate(aucs)]
    patient = configured("evaluation.keep=best", "evaluation.patience=2")
    assert out_of_patience(rounds, patient) is stops
    assert not out_of_patience(rounds, configured("evaluation.keep=best"))


def test_patience_is_for_the_best_round():
    with pytest.raises(
        ConfigError, match=r"evaluation\.patience: goes with evaluation\.keep: best"
    ):
        load([DEMO], ["evaluation.patience=2"])


def test_there_must_be_something_to_choose_on():
    with pytest.raises(ConfigError, match=r"evaluation\.keep: best needs evaluation\.validation"):
        load([DEMO], ["evaluation.keep=best"])
