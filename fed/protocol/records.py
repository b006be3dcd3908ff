"""Typed values to Flower records and back."""

import json
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.common.constant import ErrorCode
from numpy.typing import NDArray

from fed.pair_sums import PairSums
from fed.protocol.refusal import (
    RefusedReplyError,
    arrays,
    check_names,
    check_records,
    numbers,
    parsed,
)
from fed.protocol.replies import CardReply, ClockReply, ScoresReply, UpdateReply
from fed.protocol.values import (
    Bank,
    EvaluateTask,
    Scores,
    Statistics,
    TrainTask,
    TransportCount,
    Update,
)
from fed.prototypes import Prototypes
from fed.sites import CONDITIONS, MODALITIES, Modality, Resources, SiteCard
from fed.states import State, view

PAIRS = "pairs"
"""Record of the sums over linked pairs."""
ANCHORS = "anchors"
Content = RecordDict
"""What a message carries."""


def instruction(content: Content, node_id: int, kind: str, number: int = 0) -> Message:
    """Return a message to a node, of a round."""
    return Message(content, node_id, kind, group_id=str(number))


def is_gone(reply: Message) -> bool:
    """Return whether an error reply says that the node went away before it answered."""
    return reply.error.code == ErrorCode.NODE_UNAVAILABLE


LONGEST_REASON = 4_000
"""Letters of an error that a site sends, its traceback included."""


def reason_of(reply: Message) -> str:
    """Return why a site could not answer: cut, and without characters that move a cursor."""
    reason = str(reply.error.reason)[:LONGEST_REASON] or f"error {reply.error.code}"
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in reason)


def pack_state(state: State) -> ArrayRecord:
    """Pack a state into the record that Flower sends."""
    return ArrayRecord({name: Array(np.asarray(value, order="C")) for name, value in state.items()})


def unpack_state(record: ArrayRecord) -> dict[str, NDArray[Any]]:
    """Unpack what `pack_state` packed, as read-only views."""
    return {name: view(array.data) for name, array in record.items()}


def size(content: RecordDict) -> int:
    """Return the bytes of a message's payload, names included.

    Raises
    ------
    RefusedReplyError
        If Flower cannot tell, as of an empty text.
    """
    try:
        return sum(record.count_bytes() for record in content.values())
    except ValueError:
        raise RefusedReplyError("sent an empty text or list") from None


def pack_card(card: SiteCard) -> RecordDict:
    """Pack a site's answer to ``query.card``."""
    return RecordDict({"card": ConfigRecord({"json": json.dumps(asdict(card))})})


def unpack_card(content: RecordDict) -> SiteCard:
    """Unpack what `pack_card` packed.

    Raises
    ------
    RefusedReplyError
        As all that read replies do, if it is anything else.
    """
    check_records(content, {"card": ConfigRecord})
    card = parsed(content, "card", CardReply)
    return SiteCard(
        name=card.name,
        group=card.group,
        role=card.role,
        modalities=card.modalities,
        cases={condition: getattr(card.cases, condition) for condition in CONDITIONS},
        resources=Resources(**card.resources.model_dump()),
    )


def pack_bank(bank: Bank) -> RecordDict:
    """Pack prototypes: the clusters of a site, or entries of the bank."""
    packed = RecordDict()
    for modality, prototypes in bank.items():
        packed[f"bank.{modality}"] = pack_state(asdict(prototypes))
    return packed


def pack_statistics(statistics: Statistics) -> RecordDict:
    """Pack a site's class statistics."""
    packed = pack_bank(statistics.bank)
    if statistics.pairs is not None:
        packed[PAIRS] = pack_state(asdict(statistics.pairs))
    return packed


def unpack_statistics(content: RecordDict, pairs: bool = False) -> Statistics:
    """Unpack what `pack_statistics` packed.

    Parameters
    ----------
    pairs : bool
        Whether sums over linked pairs were asked for.
    """
    names = [f"bank.{modality}" for modality in MODALITIES] + [PAIRS] * pairs
    check_records(content, {name: ArrayRecord for name in names if name in content})
    wanted = [field.name for field in fields(Prototypes)]
    found = {}
    for modality in MODALITIES:
        if (record := content.array_records.get(f"bank.{modality}")) is not None:
            values = arrays(record)
            check_names(f"{modality} statistics", values, wanted)
            found[modality] = Prototypes(**{name: value.copy() for name, value in values.items()})
    if PAIRS not in content:
        return Statistics(found)
    sums = arrays(content.array_records[PAIRS])
    check_names(PAIRS, sums, [field.name for field in fields(PairSums)])
    return Statistics(found, PairSums(**{name: value.copy() for name, value in sums.items()}))


def unpack_bank(content: RecordDict) -> dict[Modality, Prototypes]:
    """Unpack what `pack_bank` packed; a record without prototypes gives an empty bank."""
    packed = {m: content.array_records.get(f"bank.{m}") for m in MODALITIES}
    return {
        modality: Prototypes(**{name: value.copy() for name, value in unpack_state(record).items()})
        for modality, record in packed.items()
        if record is not None
    }


def pack_parameters(parameters: State) -> RecordDict:
    """Pack the request for class statistics."""
    return RecordDict({"parameters": pack_state(parameters)})


def unpack_parameters(content: RecordDict) -> dict[str, NDArray[Any]]:
    """Unpack the parameters of any message."""
    return unpack_state(content.array_records["parameters"])


def pack_train_task(task: TrainTask) -> RecordDict:
    """Pack a round of training."""
    packed = pack_bank(task.bank)
    packed["parameters"] = pack_state(task.parameters)
    if task.correction:
        packed["correction"] = pack_state(task.correction)
    if task.anchors:
        packed[ANCHORS] = pack_state(task.anchors)
    packed["task"] = ConfigRecord({"round": task.round, "phase": task.phase, "lr": task.lr})
    return packed


def unpack_train_task(content: RecordDict) -> TrainTask:
    """Unpack what `pack_train_task` packed."""
    task: Any = content.config_records["task"]
    return TrainTask(
        round=task["round"],
        phase=task["phase"],
        lr=task["lr"],
        parameters=unpack_parameters(content),
        bank=unpack_bank(content),
        correction=unpack_state(content.array_records["correction"])
        if "correction" in content
        else {},
        anchors=unpack_state(content.array_records[ANCHORS]) if ANCHORS in content else {},
    )


def pack_update(update: Update) -> RecordDict:
    """Pack a site's reply to a round of training.

    Times are doubles in a record of their own: in text their digits would let the clock decide how
    many bytes the message has.
    """
    states = ("parameters", "variates")
    report = {key: value for key, value in asdict(update).items() if key not in states}
    clock = {"site": report.pop("seconds"), "transport": report["transport"].pop("seconds")}
    return RecordDict(
        {
            "parameters": pack_state(update.parameters),
            "report": ConfigRecord({"json": json.dumps(report)}),
            "clock": MetricRecord({name: float(seconds) for name, seconds in clock.items()}),
            **({"variates": pack_state(update.variates)} if update.variates else {}),
        }
    )


def unpack_update(content: RecordDict) -> Update:
    """Unpack what `pack_update` packed."""
    known = {"parameters": ArrayRecord, "report": ConfigRecord, "clock": MetricRecord}
    check_records(content, known | ({"variates": ArrayRecord} if "variates" in content else {}))
    report = parsed(content, "report", UpdateReply)
    clock = numbers(content, "clock", ClockReply)
    return Update(
        site=report.site,
        parameters=arrays(content.array_records["parameters"]),
        cases=report.cases,
        losses=report.losses,
        transport=TransportCount(**report.transport.model_dump(), seconds=clock.transport),
        examples=report.examples,
        seconds=clock.site,
        variates=arrays(content.array_records["variates"]) if "variates" in content else {},
    )


def pack_evaluate_task(task: EvaluateTask) -> RecordDict:
    """Pack a request for scores."""
    conditions: list[str] = list(task.conditions)
    config = ConfigRecord({"part": task.part, "conditions": conditions})
    packed = pack_bank(task.bank)
    packed["parameters"] = pack_state(task.parameters)
    packed["task"] = config
    return packed


def unpack_evaluate_task(content: RecordDict) -> EvaluateTask:
    """Unpack what `pack_evaluate_task` packed."""
    task: Any = content.config_records["task"]
    return EvaluateTask(
        part=task["part"],
        conditions=tuple(task["conditions"]),
        parameters=unpack_parameters(content),
        bank=unpack_bank(content),
    )


def pack_scores(scores: Scores) -> RecordDict:
    """Pack a site's scores."""
    tables: dict[str, NDArray[Any]] = {"labels": scores.labels}
    for condition, rows in scores.rows.items():
        tables[f"rows.{condition}"] = rows
        tables[f"probabilities.{condition}"] = scores.probabilities[condition]
    for procedure, found in scores.adapted.items():
        tables |= {f"adapted.{procedure}.{c}": table for c, table in found.items()}
    tables |= {f"distances.{modality}": found for modality, found in scores.distances.items()}
    cases = {
        "site": scores.site,
        "case_ids": scores.case_ids,
        "patient_ids": scores.patient_ids,
        "procedures": list(scores.adapted),
        **({"groups": dict(scores.groups)} if scores.groups else {}),
    }
    # In words: Flower cannot tell the size of a list that is empty.
    return RecordDict(
        {"scores": pack_state(tables), "cases": ConfigRecord({"json": json.dumps(cases)})}
    )


def unpack_scores(content: RecordDict) -> Scores:
    """Unpack what `pack_scores` packed."""
    check_records(content, {"scores": ArrayRecord, "cases": ConfigRecord})
    tables = arrays(content.array_records["scores"])
    cases = parsed(content, "cases", ScoresReply)
    present = [c for c in CONDITIONS if f"rows.{c}" in tables]
    expected = ["labels"]
    for c in present:
        expected += [f"rows.{c}", f"probabilities.{c}"]
        expected += [f"adapted.{procedure}.{c}" for procedure in cases.procedures]
    expected += [name for m in MODALITIES if (name := f"distances.{m}") in tables]
    check_names("table", tables, expected)
    return Scores(
        site=cases.site,
        case_ids=cases.case_ids,
        patient_ids=cases.patient_ids,
        labels=tables["labels"],
        rows={c: tables[f"rows.{c}"] for c in present},
        probabilities={c: tables[f"probabilities.{c}"] for c in present},
        adapted={
            procedure: {c: tables[f"adapted.{procedure}.{c}"] for c in present}
            for procedure in cases.procedures
        },
        distances={m: tables[f"distances.{m}"] for m in MODALITIES if f"distances.{m}" in tables},
        groups=cases.groups,
    )
