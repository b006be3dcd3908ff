"""The schema of the virtual clock; what it counts is in docs/uneven-world.md."""

from collections.abc import Mapping

from fed.config.section import Positive, Section

STATISTICS = "statistics"
"""Stands beside the names of phases for the request for class statistics."""


class CaseSeconds(Section):
    """Seconds of one core that a case costs in a round, by what the case has."""

    both: Positive
    fundus: Positive
    oct: Positive


SecondsPerCase = Mapping[str, CaseSeconds]
"""Seconds a case by the name of the phase, and for `STATISTICS`."""


class Clock(Section):
    """What turns work and bytes into virtual seconds."""

    seconds_per_case: dict[str, CaseSeconds] | None = None
    """For each phase of the method, and `statistics` where the method keeps a bank: seconds that a
    case costs a site of speed 1 in a round, all its epochs together, as {both, fundus, oct}. Null:
    measured on this machine before the first round, and written to `results.json`."""
    deadline_s: Positive | None = None
    """Virtual seconds an exchange waits for its sites; who would take longer is left out. Null: as
    long as the slowest takes. Needs `seconds_per_case`, or results would hang on this machine."""
