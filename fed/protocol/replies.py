"""What the text of a reply may say: each key with its type and its bounds, and no other key."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from fed.protocol.refusal import LARGEST, LONGEST_NAME
from fed.sites import Modality, Role

MOST_CASES = 10**7
"""Cases of a class at one site; more than the largest collection of eyes has by far."""
MOST_LOSSES = 32
MOST_PROCEDURES = 16
LONGEST_S = 1e7

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Id = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""Of a case or a patient: on one line, without control characters."""
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""A name that becomes a key of the outputs."""
Cases = Annotated[int, Field(ge=0, le=MOST_CASES)]
Number = Annotated[FiniteFloat, Field(ge=-LARGEST, le=LARGEST)]
Seconds = Annotated[FiniteFloat, Field(ge=0, le=LONGEST_S)]
Times = Annotated[int, Field(ge=0, le=10**9)]


class Reply(BaseModel):
    """A part of a reply."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResourcesReply(Reply):
    """The resources that a card repeats from the configuration."""

    speed: Number
    uplink_mbps: Number
    downlink_mbps: Number
    availability: Number
    dropout: Number


class CasesReply(Reply):
    """Cases by class: with both modalities, and with one alone."""

    both: tuple[Cases, ...]
    fundus: tuple[Cases, ...]
    oct: tuple[Cases, ...]


class CardReply(Reply):
    """The answer to ``query.card``."""

    name: Name
    group: Name
    role: Role
    modalities: tuple[Modality, ...]
    cases: CasesReply
    resources: ResourcesReply


class TransportReply(Reply):
    """How the couplings of a round went."""

    couplings: Times
    not_converged: Times
    left_out_classes: Times


class UpdateReply(Reply):
    """What goes with the weights of a round."""

    site: Name
    cases: Annotated[dict[Name, Cases], Field(max_length=64)]
    losses: Annotated[dict[Word, Number], Field(max_length=MOST_LOSSES)]
    transport: TransportReply
    examples: Annotated[int, Field(ge=0, le=10**12)]


class ClockReply(Reply):
    """Seconds that a round took at the site."""

    site: Seconds
    transport: Seconds


class ScoresReply(Reply):
    """Whose scores they are, and of what."""

    site: Name
    case_ids: tuple[Id, ...]
    patient_ids: tuple[Id, ...]
    procedures: Annotated[tuple[Word, ...], Field(max_length=MOST_PROCEDURES)]
