"""The virtual clock: how long a round takes with the equipment the sites have.

The model, with a worked example, is in docs/uneven-world.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fed.config.clock import SecondsPerCase
from fed.sites import CONDITIONS, SiteCard


@dataclass(frozen=True)
class Timing:
    """Virtual seconds that one site spends on one message.

    Attributes
    ----------
    receiving, computing, sending : float
    """

    receiving: float = 0.0
    computing: float = 0.0
    sending: float = 0.0

    @property
    def total(self) -> float:
        """Seconds from the server's message to the site's answer."""
        return self.receiving + self.computing + self.sending

    def __add__(self, other: "Timing") -> "Timing":
        return Timing(
            self.receiving + other.receiving,
            self.computing + other.computing,
            self.sending + other.sending,
        )


class VirtualClock:
    """Times exchanges from cases, bytes and equipment.

    Parameters
    ----------
    seconds_per_case : SecondsPerCase
        Seconds a case costs a site of speed 1, by kind of work.
    deadline_s : float, optional
        Virtual seconds an exchange waits for its sites.
    """

    def __init__(self, seconds_per_case: SecondsPerCase, deadline_s: float | None = None) -> None:
        self._seconds_per_case = seconds_per_case
        self._deadline_s = deadline_s

    def timing(self, card: SiteCard, work: str, down: int, up: int) -> Timing:
        """Return how long a site takes for a message.

        Parameters
        ----------
        work : str
            The name of the phase, or ``statistics``.
        down, up : int
            Bytes of the message and of the answer.
        """
        seconds = self._seconds_per_case[work]
        computing = sum(sum(card.cases[c]) * getattr(seconds, c) for c in CONDITIONS)
        return Timing(
            receiving=down * 8 / (card.resources.downlink_mbps * 1e6),
            computing=computing / card.resources.speed,
            sending=up * 8 / (card.resources.uplink_mbps * 1e6),
        )

    def lateness(self, timing: Timing) -> str | None:
        """Say that an answer comes after the deadline; None if it is in time."""
        if self._deadline_s is None or timing.total <= self._deadline_s:
            return None
        return f"too slow: {timing.total:.6g} s, clock.deadline_s is {self._deadline_s:g}"

    def exchange_seconds(self, answered: Iterable[Timing], silent: bool) -> float:
        """Return how long the server waits in an exchange.

        Parameters
        ----------
        answered : iterable of Timing
            Of the sites whose answers came in time.
        silent : bool
            Whether a site that was asked gave no sign: then the server waits until the deadline.
        """
        if silent and self._deadline_s is not None:
            return self._deadline_s
        return max((timing.total for timing in answered), default=0.0)
