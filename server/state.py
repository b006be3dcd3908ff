"""The state of a federation between two rounds: all that an algorithm carries on."""

from dataclasses import dataclass, field

from fed.protocol import Bank
from fed.states import State
from server.optimizers import Moments


@dataclass(frozen=True)
class ServerState:
    """What `init` makes, `broadcast` reads and `aggregate` gives anew.

    Attributes
    ----------
    model : State
        The global model; where sites keep their own models, these too (`server.own_models`).
    completed : int
        Rounds completed.
    recent : tuple of State
        Global models of the last rounds of the phase, for ``method.average_last``.
    moments : Moments
        What the server optimizer keeps.
    bank : Bank
        Prototypes of each modality.
    kept : State
        What is kept for each site (`server.kept`).
    anchors : State
        How each modality is predicted from the other (`server.anchors`); empty where nobody asks.
    """

    model: State
    completed: int = 0
    recent: tuple[State, ...] = ()
    moments: Moments = field(default_factory=dict)
    bank: Bank = field(default_factory=dict)
    kept: State = field(default_factory=dict)
    anchors: State = field(default_factory=dict)
