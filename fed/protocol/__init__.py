"""The only place that turns typed values into Flower records and back, and checks what arrives.

Four exchanges make a federation: a site's card (``query.card``), its class statistics
(``query.statistics``), a round of training (``train``), and held-out or validation scores
(``evaluate``). Nothing but what is defined here crosses a site's border.
"""

from flwr.app import Message

from fed.protocol.border import RefusedReplyError, check_scores, check_statistics, check_update
from fed.protocol.records import (
    Content,
    instruction,
    is_gone,
    pack_bank,
    pack_card,
    pack_evaluate_task,
    pack_parameters,
    pack_scores,
    pack_state,
    pack_train_task,
    pack_update,
    size,
    unpack_bank,
    unpack_card,
    unpack_evaluate_task,
    unpack_parameters,
    unpack_scores,
    unpack_state,
    unpack_train_task,
    unpack_update,
)
from fed.protocol.values import (
    CARD,
    EVALUATE,
    STATISTICS,
    TRAIN,
    Bank,
    EvaluateTask,
    Scores,
    Split,
    StatisticsTask,
    TrainTask,
    TransportCount,
    Update,
)

__all__ = [
    "CARD",
    "EVALUATE",
    "STATISTICS",
    "TRAIN",
    "Bank",
    "Content",
    "EvaluateTask",
    "Message",
    "RefusedReplyError",
    "Scores",
    "Split",
    "StatisticsTask",
    "TrainTask",
    "TransportCount",
    "Update",
    "check_scores",
    "check_statistics",
    "check_update",
    "instruction",
    "is_gone",
    "pack_bank",
    "pack_card",
    "pack_evaluate_task",
    "pack_parameters",
    "pack_scores",
    "pack_state",
    "pack_train_task",
    "pack_update",
    "size",
    "unpack_bank",
    "unpack_card",
    "unpack_evaluate_task",
    "unpack_parameters",
    "unpack_scores",
    "unpack_state",
    "unpack_train_task",
    "unpack_update",
]
