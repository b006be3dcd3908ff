"""Messages and bytes a round will take, before anything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from fed.config import Config
from fed.protocol import sums_numbers
from fed.sites import SiteCard
from fed.states import State
from model.parts import ENCODER
from model.rima import modules_of
from server.selection import (
    feature_widths,
    returned_modules,
    sent_modules,
    take,
    variate_bytes,
)


@dataclass(frozen=True)
class PhaseEstimate:
    """What one round of a phase moves if every site takes part.

    Attributes
    ----------
    messages : int
        Requests and replies.
    down_bytes, up_bytes : int
        Parameters alone: names, prototypes and reports add little.
    """

    phase: str
    rounds: int
    messages: int
    down_bytes: int
    up_bytes: int


def estimate(
    config: Config, cards: Sequence[SiteCard], model: State, lengths: Sequence[int]
) -> list[PhaseEstimate]:
    """Return an estimate for each phase of the method.

    Parameters
    ----------
    lengths : sequence of int
        Rounds of each phase.
    """
    sizes = {
        module: sum(model[key].nbytes for key in keys) for module, keys in modules_of(model).items()
    }
    classes = len(config.task.classes)
    widths = feature_widths(model)
    training = [card for card in cards if card.role == "train"]
    shrunk = 2 if config.server.updates == "float16" else 1
    estimates = []
    for phase, rounds in zip(config.method.phases, lengths, strict=True):
        down = up = 0
        for card in training:
            if phase.solve is not None:
                sums = sums_numbers(
                    classes, [widths[m] for m in card.modalities], phase.solves_joint
                )
                up, down = up + sums, down + sum(sizes.get(ENCODER[m], 0) for m in card.modalities)
                continue
            sent = sent_modules(config.method, phase, card.modalities)
            returned = returned_modules(config.method, phase, card)
            down += sum(sizes.get(m, 0) for m in sent)
            up += sum(sizes.get(m, 0) for m in returned) // shrunk
            variates = variate_bytes(config.method, take(model, returned))
            down, up = down + variates, up + variates
        estimates.append(PhaseEstimate(phase.name, rounds, 2 * len(training), down, up))
    return estimates
