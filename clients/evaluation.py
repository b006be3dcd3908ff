"""Scores of the global model on a site's cases, given both modalities or one."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from clients.answers import SLOT, predict
from clients.distances import distances_of
from clients.onboarding import Hospital, adapt, knowledge, training_shares
from clients.site import LocalSite
from fed.protocol import EvaluateTask, Scores
from fed.randomness import generator
from fed.sites import MODALITIES, Condition, Modality
from model.parts import ENCODER, HEAD
from model.rima import RIMA, Features, modules_of


def evaluate(site: LocalSite, task: EvaluateTask) -> Scores:
    """Score the cases of the asked part under each condition they can serve.

    A case serves ``both`` if it has both modalities linked, ``fundus`` if it has a fundus
    photograph, ``oct`` if it has an OCT; what the condition does not grant is taken away. So is a
    modality whose encoder was not sent: the model of a site that trained alone can only look at
    what that site owns, and serves no case of the other modality.
    """
    network = site.network(task.parameters)
    rows = site.part(task.part)
    seen = _seen(site, task)
    features = site.encode_frozen(network, rows, slot=SLOT)
    with torch.no_grad():
        granted = {c: _grant(features, c, seen) for c in task.conditions}
        probabilities = {
            c: predict(network, site.config.method, given) for c, (given, _) in granted.items()
        }
        adapted = _onboard(site, network, task, {c: given for c, (given, _) in granted.items()})
    cases = [site.cases.cases[i] for i in rows]
    return Scores(
        site=site.name,
        case_ids=tuple(case.case_id for case in cases),
        patient_ids=tuple(case.patient_id for case in cases),
        labels=np.array([case.label for case in cases], dtype=np.int64),
        rows={c: where for c, (_, where) in granted.items()},
        probabilities=probabilities,
        adapted=adapted,
        distances={m: np.sort(d) for m, d in distances_of(features, task.bank).items()},
        groups={
            column: tuple(case.groups.get(column, "") for case in cases)
            for column in site.config.evaluation.subgroups
            if task.part == "held_out"
        },
    )


def _onboard(
    site: LocalSite, network: RIMA, task: EvaluateTask, judged: Mapping[Condition, Features]
) -> dict[str, dict[Condition, NDArray[np.float64]]]:
    """Score the cases again by each procedure of onboarding, if the server sent a bank."""
    config, classes = site.config, len(site.config.task.classes)
    if not task.bank or config.evaluation.onboarding is None:
        return {}
    archive = site.encode_frozen(network, site.archive, slot=SLOT)
    known = knowledge(
        config.evaluation.onboarding,
        site.cases.labels()[site.archive],
        classes,
        generator(config.seed, site.name, "counts"),
    )
    found: dict[str, dict[Condition, NDArray[np.float64]]] = {}
    for condition, features in judged.items():
        hospital = Hospital(
            archive=_grant(archive, condition, _seen(site, task))[0],
            judged=features,
            knowledge=known,
            answer=partial(predict, network, config.method),
            prior=training_shares(task.bank, classes, config.method.loss.even_shares),
            bank=task.bank,
        )
        for procedure, probabilities in adapt(hospital).items():
            found.setdefault(procedure, {})[condition] = probabilities
    return found


def _seen(site: LocalSite, task: EvaluateTask) -> list[Modality]:
    """Return the modalities whose encoder, or head, was sent.

    Nobody sends an encoder that is frozen or has no weights: its head tells. Of a method without
    heads, all frozen ones are seen.
    """
    sent, frozen = modules_of(task.parameters), site.config.model.frozen
    headless = not set(HEAD.values()) & set(sent)
    return [
        m for m in MODALITIES if {ENCODER[m], HEAD[m]} & set(sent) or (headless and m in frozen)
    ]


def _grant(
    features: Features, condition: Condition, seen: Sequence[Modality]
) -> tuple[Features, NDArray[np.int64]]:
    """Return what the condition grants of the cases that can serve it, and their positions."""
    if condition == "both":
        serving = features.has_fundus & features.has_oct
        given = features[serving]
        for modality in seen if len(seen) < len(MODALITIES) else ():
            given = given.only(modality)
    else:
        serving = features.has_fundus if condition == "fundus" else features.has_oct
        if condition not in seen:
            serving = serving & False
        given = features[serving].only(condition)
    return given, np.flatnonzero(serving.cpu().numpy())
