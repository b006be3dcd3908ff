"""Bytes up and down, by site, counted on the messages sent."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Traffic:
    """Bytes from the server to each site (down) and back (up)."""

    down: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    up: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, other: "Traffic") -> None:
        """Add the traffic of a round to a running total."""
        for mine, theirs in ((self.down, other.down), (self.up, other.up)):
            for site, number in theirs.items():
                mine[site] += number

    @property
    def total_down(self) -> int:
        """Bytes to all sites."""
        return sum(self.down.values())

    @property
    def total_up(self) -> int:
        """Bytes from all sites."""
        return sum(self.up.values())
