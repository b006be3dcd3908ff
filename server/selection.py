"""What of the network each site is sent, and what it returns."""

from collections.abc import Collection, Iterable

from fed.config import Config, Method, Phase
from fed.sites import MODALITIES, Modality, SiteCard
from fed.states import State
from model.parts import ENCODER, HEAD, learned, trained_modules, used_modules
from model.rima import modules_of


def sent_modules(method: Method, phase: Phase, modalities: Collection[Modality]) -> tuple[str, ...]:
    """Return the modules that a site with these modalities needs in a phase.

    A fusion that corrects the experts needs both heads, since partners from the bank stand for the
    modality that a site lacks.
    """
    owned = MODALITIES if method.sends_everything else modalities
    modules = used_modules(phase.trains, owned)
    if method.corrects_experts and "fusion" in phase.trains:
        modules += tuple(head for head in HEAD.values() if head not in modules)
    return modules


def sent_prototypes(
    config: Config, phase: Phase, card: SiteCard, bank: Collection[Modality]
) -> tuple[Modality, ...]:
    """Return the modalities whose prototypes a site trains against, of those in the bank.

    With a budget of privacy, the partners of complete cases are of the bank, too.
    """
    method = config.method
    private = config.privacy.epsilon is not None
    completed = method.completes_from_bank and phase.joins
    held_against = method.trains_with_prototypes(phase)
    return tuple(
        modality
        for modality in MODALITIES
        if modality in bank
        and (
            (completed and (private or card.lacking(modality) > 0))
            or (held_against and card.having(modality) > 0)
        )
    )


def sent_anchors(anchors: State, modalities: Collection[Modality]) -> State:
    """Return the anchors of the modalities whose prototypes a site is sent."""
    return {name: value for name, value in anchors.items() if name.split(".")[0] in modalities}


def returned_modules(method: Method, phase: Phase, card: SiteCard) -> tuple[str, ...]:
    """Return the modules that a site can send back; one without a case behind it may be missing."""
    if method.sends_everything:
        return trained_modules(phase.trains, MODALITIES)
    parts = set(phase.trains)
    if not (method.trains_on_one or any(card.cases["both"])):
        parts -= {"predictors", "fusion"}
    return trained_modules(parts, card.modalities)


def most_cases(method: Method, card: SiteCard, modules: Iterable[str]) -> dict[str, int]:
    """Return by module how many cases of a site can be behind its update."""
    most = dict.fromkeys(modules, card.total)
    for modality in () if method.sends_everything else MODALITIES:
        for module in (ENCODER[modality], HEAD[modality]):
            if module in most:
                most[module] = card.having(modality)
    return most


def take(state: State, modules: Iterable[str]) -> State:
    """Return the part of a state that belongs to modules; one without weights adds nothing."""
    grouped = modules_of(state)
    return {key: state[key] for module in modules for key in grouped.get(module, ())}


def feature_widths(state: State) -> dict[Modality, int]:
    """Return the width of the features of each modality."""
    return {modality: len(state[f"transport.{modality}_mean"]) for modality in MODALITIES}


def update_bytes(config: Config, phase: Phase, card: SiteCard, state: State) -> int:
    """Return the bytes that a site's update has at least: its parameters, without the report."""
    modules = returned_modules(config.method, phase, card)
    taken = take(state, modules)
    shrunk = 2 if config.server.updates == "float16" else 1
    return sum(v.nbytes for v in taken.values()) // shrunk + variate_bytes(config.method, taken)


def variate_bytes(method: Method, state: State) -> int:
    """Return the bytes of the control variates that go with weights, if the method keeps any."""
    return sum(v.nbytes for k, v in state.items() if learned(k)) if method.keeps_variates else 0
