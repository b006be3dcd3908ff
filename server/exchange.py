"""One exchange of messages between the server and its sites: sent, timed, checked, booked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from logging import getLogger
from typing import Generic, TypeVar

from fed import protocol
from fed.engines import Grid
from fed.protocol import Content, Message
from fed.sites import Role, SiteCard
from server.clock import Timing, VirtualClock
from server.communication import Traffic
from server.membership import Member, Membership
from server.observers import Failure, Observer, Outcome

log = getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """A message to one site, and how its answer is read.

    Attributes
    ----------
    member : Member
    content : Content
        Like sites share one.
    unpack : callable
        Reads and checks the answer; whatever it raises costs the site the exchange.
    least_bytes : int, optional
        Bytes that the answer has at least: a straggler need not be run to be left out.
    """

    member: Member
    content: Content
    unpack: Callable[[Content], Answer]
    least_bytes: int | None = None


@dataclass
class Exchange:
    """Sends requests, yields good answers as they arrive, and keeps account of the rest.

    Attributes
    ----------
    number : int
        Of the round.
    kind : str
        Flower's message type.
    work : str
        What the virtual clock times: the name of the phase, or ``statistics``.
    grid : Grid
    membership : Membership
    observers : sequence of Observer
        Told of every answer and failure as it comes.
    clock : VirtualClock or None
        Times the sites and finds who is late.
    deadline_s : float or None
        Seconds by the clock on the wall that the exchange may take.
    traffic, failures, timings
        The account: bytes, sites that did not contribute, virtual seconds of each site asked.
    answered : list of str
        Sites whose answer was yielded.
    """

    number: int
    kind: str
    work: str
    grid: Grid
    membership: Membership
    observers: Sequence[Observer] = ()
    clock: VirtualClock | None = None
    deadline_s: float | None = None
    traffic: Traffic = field(default_factory=Traffic)
    failures: list[Failure] = field(default_factory=list)
    timings: dict[str, Timing] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)

    def answers(self, requests: Iterable[Request[Answer]]) -> Iterator[tuple[SiteCard, Answer]]:
        """Yield site and checked answer of each that answers well; show each failure at once."""
        asked: dict[int, Request[Answer]] = {}
        replies = self.grid.send_and_receive(
            self._messages(requests, asked), timeout=self.deadline_s
        )
        for reply in replies:
            request = asked.pop(reply.metadata.src_node_id, None)
            if request is None:
                log.warning("node %d answers unasked", reply.metadata.src_node_id)
                continue
            card = request.member.card
            if reply.has_error():
                self.fail(card.name, protocol.reason_of(reply))
                continue
            try:
                self.traffic.up[card.name] += protocol.size(reply.content)
                if self._is_late(card, self.traffic.up[card.name]):
                    continue
                answer = request.unpack(reply.content)
            except protocol.RefusedReplyError as error:
                self.fail(card.name, f"its reply was refused: it {error}")
                continue
            except Exception as error:
                log.exception("%s: unreadable reply", card.name)
                self.fail(card.name, f"its reply was refused: unreadable ({type(error).__name__})")
                continue
            self.answered.append(card.name)
            yield card, answer
            del answer
            for observer in self.observers:
                observer.answered(card.name)

    def fail(self, site: str, reason: str, outcome: Outcome = "failed") -> None:
        """Book a site that does not contribute."""
        failure = Failure(site, reason, outcome)
        self.failures.append(failure)
        for observer in self.observers:
            observer.failed(failure)

    def fail_absent(self, role: Role) -> None:
        """Book the sites of a role that are not connected."""
        for site in self.membership.absent:
            if site.role == role:
                self.fail(site.name, self.membership.reason(site.name), "absent")

    def outcomes(self) -> dict[str, Outcome]:
        """Return what became of each site that had a part."""
        outcomes: dict[str, Outcome] = dict.fromkeys(self.answered, "answered")
        return outcomes | {failure.site: failure.outcome for failure in self.failures}

    def _messages(
        self, requests: Iterable[Request[Answer]], asked: dict[int, Request[Answer]]
    ) -> Iterator[Message]:
        for request in requests:
            card = request.member.card
            self.traffic.down[card.name] += protocol.size(request.content)
            if any(f.site == card.name for f in self.failures[-1:]):  # drops out: sent in vain
                continue
            if request.least_bytes is not None and self._is_late(card, request.least_bytes):
                continue
            node = request.member.node_id
            asked[node] = request
            yield protocol.instruction(request.content, node, self.kind, self.number)

    def _is_late(self, card: SiteCard, up_bytes: int) -> bool:
        """Time a site, and refuse what it does if that is too late."""
        if self.clock is None or not self.work:
            return False
        down = self.traffic.down[card.name]
        timing = self.clock.timing(card, self.work, down, up_bytes)
        self.timings[card.name] = timing
        reason = self.clock.lateness(timing)
        if reason is not None:
            self.fail(card.name, reason, "late")
        return reason is not None
