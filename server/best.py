"""Which round's model is kept, the last or the best on the validation splits; when to stop."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fed.config import Config
from fed.metrics import metric
from fed.results import RoundRecord


@dataclass(frozen=True)
class Best:
    """A round, the best or one that may be, and its score on the validation splits."""

    round: int
    value: float


def best_round(rounds: Iterable[RoundRecord], config: Config) -> Best | None:
    """Return the round of the last phase with the best headline metric, the earliest of equals.

    The score is the mean over the conditions in which the metric is defined. Earlier phases have
    not trained all parts of the network. None if no round was scored on validation splits.
    """
    sign = 1 if metric(config.evaluation.headline).higher_is_better else -1
    return max(_scored(rounds, config), key=lambda each: sign * each.value, default=None)


def out_of_patience(rounds: Iterable[RoundRecord], config: Config) -> bool:
    """Return whether ``evaluation.patience`` scored rounds have passed since the best one."""
    patience, scored = config.evaluation.patience, tuple(rounds)
    best = best_round(scored, config)
    if patience is None or best is None:
        return False
    return sum(each.round > best.round for each in _scored(scored, config)) >= patience


def _scored(rounds: Iterable[RoundRecord], config: Config) -> Iterator[Best]:
    """Yield the rounds of the last phase that have a score on the validation splits."""
    evaluation, last = config.evaluation, config.method.phases[-1].name
    for line in rounds:
        if line.phase != last or not line.validation:
            continue
        scored = [
            value
            for condition in evaluation.conditions
            if (value := line.validation[condition][evaluation.headline].value) is not None
        ]
        if scored:
            yield Best(line.round, sum(scored) / len(scored))
