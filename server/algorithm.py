"""The contract at the centre: a federated algorithm is one value with three functions.

``init`` makes the first state, ``broadcast`` says what a site is sent, ``aggregate`` folds what
comes back into the next state. The functions keep nothing between calls: the same arguments give
the same result. Everything else (who is there, sending, checking, timing, checkpoints, scores)
is the loop's (`server.federation`).

A toy that runs without any site, after FedJAX (Ro et al., 2021)::

    def init(sites):
        return 0.0

    def broadcast(state, step, site):
        return state

    def aggregate(state, step, updates):
        values = [value for _, value in updates]
        return sum(values) / len(values), {"sites": len(values)}

    algorithm = Algorithm(init, broadcast, aggregate)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from fed.protocol import Statistics, StatisticsTask, Sums, TrainTask, TransportCount, Update
from fed.results import BoundedUpdate
from fed.schedule import Round
from fed.sites import SiteCard
from server.state import ServerState

Asks = Literal["statistics", "sums", "train"]


@dataclass(frozen=True)
class Step:
    """One exchange of a round: class statistics, which come before it, sums, or the training itself.

    Attributes
    ----------
    round : Round
    asks : {"statistics", "sums", "train"}
    """

    round: Round
    asks: Asks


@dataclass(frozen=True)
class StepRecord:
    """What became of an exchange, apart from the state.

    Attributes
    ----------
    answered : tuple of str
        Sites whose answer was used, in the order they were folded.
    losses : Mapping
        Mean losses of each site.
    seconds : Mapping
        Measured seconds of computation at each site.
    transport : TransportCount
    reductions : Mapping
        By module, what the reduction has to tell, such as how many updates it bounded.
    bounded : tuple of BoundedUpdate
        Every update that was shortened.
    movement : Mapping
        By module, the length of the way that its weights went.
    warnings : tuple of str
    """

    answered: tuple[str, ...] = ()
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    transport: TransportCount = field(default_factory=TransportCount)
    reductions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bounded: tuple[BoundedUpdate, ...] = ()
    movement: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


Task = TrainTask | StatisticsTask
Updates = Iterable[tuple[SiteCard, Update | Statistics | Sums]]
"""What sites returned, checked, one at a time as it arrives."""


class Algorithm(NamedTuple):
    """A federated algorithm.

    Attributes
    ----------
    init : callable
        ``init(sites) -> state``.
    broadcast : callable
        ``broadcast(state, step, site) -> task``: what a site is sent.
    aggregate : callable
        ``aggregate(state, step, updates) -> (state, record)``; updates are folded as they come.
    """

    init: Callable[[Sequence[SiteCard]], ServerState]
    broadcast: Callable[[ServerState, Step, SiteCard], Task]
    aggregate: Callable[[ServerState, Step, Updates], tuple[ServerState, StepRecord]]
