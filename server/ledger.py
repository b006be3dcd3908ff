"""The account of a run: what it has cost and what went wrong, apart from the state it is about."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fed.config.clock import SecondsPerCase
from fed.protocol import TransportCount
from server.alarm import Movement
from server.communication import Traffic


@dataclass
class Ledger:
    """Kept from the first round to the last, through every interruption.

    Attributes
    ----------
    traffic : Traffic
    transport : TransportCount
    wall : dict
        Seconds by phase, on this machine.
    seconds_per_case : SecondsPerCase or None
        What the virtual clock counts with; without it there is no virtual time.
    virtual_seconds : float
    failures : list of dict
    warnings : list of str
    movements : list of Movement
        How far the model went in each round.
    """

    traffic: Traffic = field(default_factory=Traffic)
    transport: TransportCount = field(default_factory=TransportCount)
    wall: dict[str, float] = field(default_factory=dict)
    seconds_per_case: SecondsPerCase | None = None
    virtual_seconds: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)

    def spend(self, phase: str, seconds: float) -> None:
        """Count wall seconds under a phase."""
        self.wall[phase] = self.wall.get(phase, 0.0) + seconds

    def warn(self, words: Iterable[str]) -> None:
        """Keep warnings, each once."""
        self.warnings += [line for line in dict.fromkeys(words) if line not in self.warnings]
