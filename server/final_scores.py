"""What the sites made of the model."""

from dataclasses import dataclass, field

from fed.protocol import Scores


@dataclass(frozen=True)
class FinalScores:
    """Scores of the model, by part."""

    held_out: list[Scores] = field(default_factory=list)
    validation: list[Scores] = field(default_factory=list)
