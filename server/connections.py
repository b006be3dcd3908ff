"""Who is connected: the membership, made anew whenever sites come or go."""

import time
from collections.abc import Mapping, Sequence
from logging import getLogger

from fed import protocol
from fed.config import Config
from fed.data.pooling import federation
from fed.engines import Grid
from fed.errors import RunError
from fed.sites import Role, Site, SiteCard
from server.membership import Member, Membership, make_membership
from server.observers import Failure

log = getLogger(__name__)

POLL_S = 2.0
"""Seconds between two looks at who is connected."""
NAMED = 10
"""Sites named in one line; the rest is counted."""


class Connections:
    """Asks each node once who it is, and tells who is connected now.

    Parameters
    ----------
    grid : Grid
    config : Config
    patience_s : float
        How long to wait for the sites of the configuration before the first round, and for the
        card of one that joins later. At 0 those that are there must be enough.
    sites : Mapping of int to str, optional
        The site at each node, where the grid knows it; elsewhere the first card of a node says
        which site of the configuration it is. All else that a card says must be as the
        configuration has it, but for the number of cases.
    """

    def __init__(
        self,
        grid: Grid,
        config: Config,
        patience_s: float = 0.0,
        sites: Mapping[int, str] | None = None,
    ) -> None:
        self._grid = grid
        self._config = config
        self._patience_s = patience_s
        self._sites = sites or {}
        self._configured = {site.name: site for site in federation(config)}
        self._refused: dict[str, str] = {}
        self._cards: dict[str, SiteCard] = {}
        self._known: dict[int, Member] = {}
        self._connected: set[int] = set()
        self._membership = Membership(())

    def open(self) -> Membership:
        """Wait for the sites of the configuration, and start with those that have come.

        Raises
        ------
        RunError
            If two nodes say that they are the same site, or too few sites have come.
        """
        deadline = time.monotonic() + self._patience_s
        told: tuple[Site, ...] = ()
        while True:
            self._poll(strict=True)
            missing = self._membership.absent
            left = deadline - time.monotonic()
            if not missing or left <= 0:
                break
            if missing != told:
                log.info("waiting up to %.0f s for %s", left, _listed(missing))
                told = missing
            time.sleep(min(POLL_S, left))
        self._require_enough()
        if missing:
            log.warning("starting without %s; they may join at any round", _listed(missing))
        return self._membership

    def now(self) -> Membership:
        """Return who is connected; newcomers are let in, and those that left are absent."""
        self._poll(strict=False)
        return self._membership

    def everyone(self) -> Membership:
        """Return all sites that have been connected at any time."""
        latest = {member.name: member for member in self._known.values()}
        return make_membership(tuple(latest.values()), self._config)

    def _poll(self, strict: bool) -> None:
        connected = set(self._grid.get_node_ids())
        newcomers = sorted(connected - self._known.keys())
        if connected == self._connected and not newcomers:
            return
        self._connected = connected
        absent = self._membership.absent
        self._let_in(self._ask(newcomers, strict), strict)
        self._membership = make_membership(self._members(), self._config, self._refused)
        for site in absent:
            if site not in self._membership.absent:
                log.info("%s has joined", site.name)

    def _members(self) -> list[Member]:
        return [m for node_id, m in self._known.items() if node_id in self._connected]

    def _ask(self, node_ids: Sequence[int], strict: bool) -> list[Member]:
        """Return the members at nodes; one that fails is named, and asked again at the next look."""
        messages = [protocol.instruction(protocol.Content(), n, protocol.CARD) for n in node_ids]
        if messages:
            log.info("asking %d nodes who they are", len(messages))
        timeout = None if strict else self._patience_s or None
        members = []
        for reply in self._grid.send_and_receive(messages, timeout=timeout):
            node_id = reply.metadata.src_node_id
            if reply.has_error():
                self._refuse(node_id, protocol.reason_of(reply))
                continue
            try:
                members.append(Member(node_id, self._card(node_id, reply.content)))
            except protocol.RefusedReplyError as error:
                self._refuse(node_id, f"its card was refused: it {error}")
        return members

    def _card(self, node_id: int, content: protocol.Content) -> SiteCard:
        """Return the card of a node, checked against who the node is."""
        protocol.check_size(content, protocol.card_bytes())
        card = protocol.unpack_card(content)
        site = self._configured.get(self._sites.get(node_id, card.name))
        if site is None:
            raise protocol.RefusedReplyError(f"says it is {card.name!r}, no site of `sites`")
        protocol.check_card(card, site, len(self._config.task.classes))
        earlier = self._cards.setdefault(site.name, card)
        if card != earlier:
            raise protocol.RefusedReplyError("has other cases than it had before")
        return card

    def _refuse(self, node_id: int, reason: str) -> None:
        site = self._sites.get(node_id)
        failure = Failure(site or f"node {node_id}", reason)
        if site is not None:
            self._refused[site] = f"not let in: {failure.headline}"
        log.warning("%s is not let in: %s", failure.site, failure.reason)

    def _let_in(self, newcomers: Sequence[Member], strict: bool) -> None:
        """Know newcomers by their names; later ones only if they do not contradict."""
        for member in newcomers:
            try:
                if not strict:
                    make_membership([*self._members(), member], self._config)
            except RunError as error:
                log.warning("node %d is not let in: %s", member.node_id, error)
                continue
            self._known[member.node_id] = member

    def _require_enough(self) -> None:
        membership = self._membership
        hint = f"; not connected: {_listed(membership.absent)}" if membership.absent else ""
        hint += "".join(f"\n  {site}: {reason}" for site, reason in self._refused.items())
        judged: tuple[Role, ...] = ("held_out",) if self._config.evaluation.conditions else ()
        for role in ("train", *judged):
            if not any(m.card.total for m in membership.with_role(role)):
                raise RunError(f"no {role} site has any case{hint}")
        training = len(membership.with_role("train"))
        if training < self._config.server.min_sites:
            raise RunError(
                f"{training} training sites, server.min_sites asks for "
                f"{self._config.server.min_sites}{hint}"
            )


def _listed(sites: Sequence[Site]) -> str:
    more = f" and {len(sites) - NAMED} more" if len(sites) > NAMED else ""
    return ", ".join(site.name for site in sites[:NAMED]) + more
