"""Who is in the federation, and who takes part in a round."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fed.config import Config
from fed.data.pooling import federation
from fed.errors import RunError
from fed.randomness import generator
from fed.sites import Site, SiteCard


@dataclass(frozen=True)
class Member:
    """A site under the node id Flower knows it by."""

    node_id: int
    card: SiteCard

    @property
    def name(self) -> str:
        """The site's name."""
        return self.card.name


@dataclass(frozen=True)
class Membership:
    """The sites that answered, in the order of the configuration.

    Attributes
    ----------
    members : tuple of Member
    absent : tuple of Site
        Sites of the configuration that nobody has answered for.
    reasons : Mapping
        Why a site is absent, where it is known.
    """

    members: tuple[Member, ...]
    absent: tuple[Site, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    def with_role(self, role: str) -> tuple[Member, ...]:
        """Return the members of one role."""
        return tuple(m for m in self.members if m.card.role == role)

    def name(self, node_id: int) -> str:
        """Return the name of the site at a node."""
        return next(m.name for m in self.members if m.node_id == node_id)

    def reason(self, site: str) -> str:
        """Return why a site is absent."""
        return self.reasons.get(site, "not connected")


def make_membership(
    members: Sequence[Member], config: Config, reasons: Mapping[str, str] | None = None
) -> Membership:
    """Put the sites in the order of the configuration, whatever order they answered in.

    Raises
    ------
    RunError
        If two nodes claim the same site, or one claims a site nobody configured.
    """
    sites = federation(config)
    order = {site.name: position for position, site in enumerate(sites)}
    seen: set[str] = set()
    for member in members:
        if member.name not in order:
            raise RunError(f"node {member.node_id} says it is {member.name!r}, no site of `sites`")
        if member.name in seen:
            raise RunError(f"two nodes say they are the site {member.name!r}")
        seen.add(member.name)
    return Membership(
        members=tuple(sorted(members, key=lambda m: order[m.name])),
        absent=tuple(site for site in sites if site.name not in seen),
        reasons=reasons or {},
    )


def longest_first(members: Iterable[Member]) -> list[Member]:
    """Return members by falling number of cases: the order in which engines answer.

    A runtime of Flower's answers in the order it is asked. Asked in this one, every sum over
    sites runs in the same order wherever the sites are.
    """
    return sorted(members, key=lambda m: -m.card.total)


@dataclass(frozen=True)
class Cohort:
    """Who takes part in one round.

    Attributes
    ----------
    asked : tuple of Member
        Sites that are sent the round.
    dropped : tuple of Member
        Those among them that will not answer (``resources.dropout``).
    unavailable : tuple of Member
        Sites out of reach this round (``resources.availability``).
    """

    asked: tuple[Member, ...]
    dropped: tuple[Member, ...]
    unavailable: tuple[Member, ...]


def sample_cohort(membership: Membership, number: int, config: Config) -> Cohort:
    """Draw a round's participants from (seed, site, round) alone."""
    present: list[Member] = []
    unavailable: list[Member] = []
    for member in membership.with_role("train"):
        draw = generator(config.seed, member.name, number, "availability").random()
        reachable = draw < member.card.resources.availability
        (present if reachable else unavailable).append(member)
    wanted = min(len(present), max(1, round(config.server.fraction * len(present))))
    if wanted < len(present):
        chosen = generator(config.seed, number, "sampling").permutation(len(present))[:wanted]
        present = [present[i] for i in sorted(chosen)]
    dropped = [
        member
        for member in present
        if generator(config.seed, member.name, number, "dropout").random()
        < member.card.resources.dropout
    ]
    return Cohort(tuple(present), tuple(dropped), tuple(unavailable))
