"""The record of one exchange of messages between the server and its sites."""

from dataclasses import dataclass, field

from fed.protocol import TransportCount
from server.clock import Timing
from server.communication import Traffic
from server.observers import Failure, Outcome


@dataclass
class Exchange:
    """What one exchange of messages brought beside its result.

    Attributes
    ----------
    traffic : Traffic
    answered : list of str
        Sites whose answer was used.
    failures : list of Failure
    losses : dict
        Mean losses of each site.
    transport : TransportCount
    compute : dict
        Measured seconds of computation at each site.
    timings : dict
        Virtual seconds of each site that was asked, as far as they are known.
    """

    traffic: Traffic = field(default_factory=Traffic)
    answered: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    losses: dict[str, dict[str, float]] = field(default_factory=dict)
    transport: TransportCount = field(default_factory=TransportCount)
    compute: dict[str, float] = field(default_factory=dict)
    timings: dict[str, Timing] = field(default_factory=dict)

    def outcomes(self) -> dict[str, Outcome]:
        """Return what became of each site that had a part."""
        outcomes: dict[str, Outcome] = dict.fromkeys(self.answered, "answered")
        return outcomes | {failure.site: failure.outcome for failure in self.failures}
