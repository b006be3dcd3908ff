"""Which round belongs to which phase, at which learning rate, and when the model is judged."""

import math
from dataclasses import dataclass

from fed.config import Config


@dataclass(frozen=True)
class Round:
    """One round of the run.

    Attributes
    ----------
    number : int
        From 1, over all phases.
    phase : int
        Position in ``method.phases``.
    lr : float
    first, last : bool
        Whether the round opens or closes its phase.
    evaluate : bool
        Whether the held-out sites score the model after it.
    """

    number: int
    phase: int
    lr: float
    first: bool
    last: bool
    evaluate: bool


def schedule(config: Config) -> tuple[Round, ...]:
    """Lay out all rounds of a run."""
    phases, training = config.method.phases, config.training
    rounds: list[Round] = []
    for phase, length in enumerate(_lengths(config)):
        for step in range(length):
            number = len(rounds) + 1
            lr = training.lr * phases[phase].lr
            if training.schedule == "cosine":
                lr *= 0.5 * (1 + math.cos(math.pi * step / length))
            due = number % config.evaluation.every == 0 or number == training.rounds
            rounds.append(Round(number, phase, lr, step == 0, step == length - 1, due))
    return tuple(rounds)


def _lengths(config: Config) -> list[int]:
    """Share the rounds out over the phases: at least one each, then by largest remainder."""
    shares = [phase.share for phase in config.method.phases]
    free = config.training.rounds - len(shares)
    exact = [max(0.0, config.training.rounds * share / sum(shares) - 1) for share in shares]
    exact = [free * value / (sum(exact) or 1) for value in exact]
    lengths = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: (lengths[i] - exact[i], i))
    for i in by_remainder[: free - sum(lengths)]:
        lengths[i] += 1
    return [1 + length for length in lengths]
