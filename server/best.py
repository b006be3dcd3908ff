"""Which round's model is kept: the last, or the best on the validation splits."""

from collections.abc import Iterable
from dataclasses import dataclass

from fed.config import Config
from fed.metrics import metric
from fed.results import RoundRecord


@dataclass(frozen=True)
class Best:
    """The best round, and its score on the validation splits."""

    round: int
    value: float


def best_round(rounds: Iterable[RoundRecord], config: Config) -> Best | None:
    """Return the round of the last phase with the best headline metric, the earliest of equals.

    The score is the mean over the conditions in which the metric is defined. Earlier phases have
    not trained all parts of the network. None if no round was scored on validation splits.
    """
    evaluation, last = config.evaluation, config.method.phases[-1].name
    sign = 1 if metric(evaluation.headline).higher_is_better else -1
    best: Best | None = None
    for line in rounds:
        if line.phase != last or not line.validation:
            continue
        scored = [
            value
            for condition in evaluation.conditions
            if (value := line.validation[condition][evaluation.headline].value) is not None
        ]
        if not scored:
            continue
        mean = sum(scored) / len(scored)
        if best is None or sign * mean > sign * best.value:
            best = Best(line.round, mean)
    return best
