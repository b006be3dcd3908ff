"""Wrong labels (Tolpegin et al., ESORICS 2020)."""

from dataclasses import dataclass

from clients.attacks import Attack


@dataclass(frozen=True)
class LabelFlipped(Attack):
    """Trains, and makes its class statistics, with the order of the grades turned round."""

    def label(self, label: int, classes: int) -> int:
        """Return the mildest grade for the worst, and so on."""
        return classes - 1 - label
