"""What each site is sent to train with: the modules and prototypes it can use, and nothing else."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from fed.config import Config, Method, Phase
from fed.sites import MODALITIES, Modality, SiteCard
from fed.states import State
from model.parts import HEAD, trained_modules, used_modules
from model.rima import modules_of


@dataclass(frozen=True)
class Slice:
    """What a site is sent in a round; sites with the same share one payload.

    Attributes
    ----------
    modules : tuple of str
        That it can use.
    banks : tuple of Modality
        Whose prototypes it trains against.
    owner : str or None
        Whose own model it is, where sites keep theirs (`server.apart`).
    """

    modules: tuple[str, ...]
    banks: tuple[Modality, ...]
    owner: str | None = None


def train_slice(method: Method, phase: Phase, card: SiteCard, bank: Collection[Modality]) -> Slice:
    """Return what a site can use in a round.

    Parameters
    ----------
    bank : collection of Modality
        Of which there are prototypes.
    """
    banks = tuple(m for m in MODALITIES if m in bank and _needs(method, phase, card, m))
    if method.combine.scheme == "uniform":
        return Slice(sent_modules(method, phase, MODALITIES), banks)
    owner = card.name if method.combine.scheme == "none" else None
    return Slice(sent_modules(method, phase, card.modalities), banks, owner)


def sent_modules(method: Method, phase: Phase, modalities: Collection[Modality]) -> tuple[str, ...]:
    """Return the modules that a site with these modalities needs in a phase.

    A fusion that corrects the experts needs both heads, since partners from the bank stand for the
    modality that a site lacks.
    """
    modules = used_modules(phase.trains, modalities)
    if method.corrects_experts and "fusion" in phase.trains:
        modules += tuple(head for head in HEAD.values() if head not in modules)
    return modules


def _needs(method: Method, phase: Phase, card: SiteCard, modality: Modality) -> bool:
    """Return whether a site trains against the prototypes of a modality."""
    parts = set(phase.trains)
    filled = method.fills_from_bank and bool({"predictors", "fusion"} & parts)
    contrasted = method.contrast > 0 and {"encoders", "fusion"} <= parts
    return (filled and card.lacking(modality) > 0) or (contrasted and card.having(modality) > 0)


def take(state: State, modules: Iterable[str]) -> State:
    """Return the part of a state that belongs to modules; one without weights adds nothing."""
    grouped = modules_of(state)
    return {key: state[key] for module in modules for key in grouped.get(module, ())}


def least_update_bytes(config: Config, phase: Phase, card: SiteCard, state: State) -> int:
    """Return the bytes that a site's update has at least: its parameters, without the report."""
    uniform = config.method.combine.scheme == "uniform"
    parts = set(phase.trains)
    if not (uniform or config.method.trains_on_one or any(card.cases["both"])):
        parts -= {"predictors", "fusion"}
    modules = trained_modules(parts, MODALITIES if uniform else card.modalities)
    shrunk = 2 if config.server.updates == "float16" else 1
    return sum(value.nbytes for value in take(state, modules).values()) // shrunk
