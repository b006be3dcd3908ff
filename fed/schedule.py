"""Which round belongs to which phase, at which learning rate, and when the model is judged."""

import math
from dataclasses import dataclass
from itertools import pairwise

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
    refreshes_bank : bool
        Whether sites are asked for class statistics before they train: features change while
        encoders train, then stay.
    """

    number: int
    phase: int
    lr: float
    first: bool
    last: bool
    evaluate: bool
    refreshes_bank: bool


def schedule(config: Config) -> tuple[Round, ...]:
    """Lay out all rounds of a run."""
    phases, training = config.method.phases, config.training
    lengths = phase_lengths(config)
    rounds: list[Round] = []
    for phase, length in enumerate(lengths):
        for step in range(length):
            number = len(rounds) + 1
            lr = training.lr * phases[phase].lr
            if training.schedule == "cosine":
                lr *= 0.5 * (1 + math.cos(math.pi * step / length))
            due = number % config.evaluation.every == 0 or number == sum(lengths)
            first, last = step == 0, step == length - 1
            wants_bank = config.method.uses_bank and phases[phase].joins
            refresh = wants_bank and (first or "encoders" in phases[phase].trains)
            rounds.append(Round(number, phase, lr, first, last, due, refresh))
    return tuple(rounds)


def phase_lengths(config: Config) -> list[int]:
    """Share the rounds out over the phases, at least one each.

    A phase ends where the shares up to it end, and leaves a round to each that follows, or to the
    share that a method leaves unused: so a method that ends early has the same phases up to there
    as one that goes on.
    """
    phases, rounds = config.method.phases, config.training.rounds
    ends, share = [0], 0.0
    for position, phase in enumerate(phases, start=1):
        share += phase.share
        unused = share < 1 - 1e-9
        left = max(len(phases) - position, int(unused))
        longest = ends[-1] + 1 if phase.solve else rounds - left
        ends.append(max(ends[-1] + 1, min(round(share * rounds), longest)))
    return [end - start for start, end in pairwise(ends)]
