"""Bytes up and down, by site, counted on the messages sent; and what they cost in time."""

from collections import defaultdict
from dataclasses import dataclass, field

from fed.sites import Resources


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


def virtual_seconds(resources: Resources, down: int, up: int, compute: float) -> float:
    """Return how long a site would take for a round with its own equipment.

    Parameters
    ----------
    down, up : int
        Bytes received and sent.
    compute : float
        Seconds the same work took on the machine that simulates.
    """
    receiving = down * 8 / (resources.downlink_mbps * 1e6)
    sending = up * 8 / (resources.uplink_mbps * 1e6)
    return receiving + compute / resources.speed + sending
