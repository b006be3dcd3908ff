"""The heads in closed form: sums of all sites by modality, then one solution each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fed.config import Config
from fed.errors import RunError
from fed.protocol import Sums
from fed.sites import MODALITIES, Modality, SiteCard
from model.closed_form import BothSums, Head, solve_head, solve_joint_head
from model.parts import HEAD
from server.alarm import movement
from server.algorithm import Step, StepRecord, Updates
from server.state import ServerState

Found = TypeVar("Found")
JOINT_HEAD = "classifier"
"""Of a linear fusion, the head over both modalities."""


def solve_heads(
    config: Config, state: ServerState, step: Step, updates: Updates
) -> tuple[ServerState, StepRecord]:
    """Solve for the head of each modality that some site owns, and for that over both if asked.

    Raises
    ------
    RunError
        If no site holds two classes of a modality.
    """
    phase = config.method.phases[step.round.phase]
    solve = phase.solve
    assert solve is not None
    answered = sorted(
        ((site, cast(Sums, returned)) for site, returned in updates), key=lambda one: one[0].name
    )
    model, warnings = dict(state.model), []
    solved_with: dict[Modality, float] = {}
    for modality in MODALITIES:
        groups = _by_group((site, sums.single.get(modality)) for site, sums in answered)
        if not groups:
            continue
        try:
            head = solve_head(groups, solve.ridge)
        except ValueError as error:
            raise RunError(f"round {step.round.number}: {HEAD[modality]}: {error}") from None
        _put(model, HEAD[modality], head)
        solved_with[modality] = head.ridge
        warnings += _told(modality, len(groups), head.ridge, solve.ridge)
    if phase.solves_joint:
        both = _by_group((site, _both(sums)) for site, sums in answered)
        if both:
            fundus, oct_ = (
                _by_group((site, sums.single.get(modality)) for site, sums in answered)
                for modality in MODALITIES
            )
            ridges = (solved_with["fundus"], solved_with["oct"])
            _put(model, JOINT_HEAD, solve_joint_head(fundus, oct_, both, ridges))
        else:
            _put(model, JOINT_HEAD, _side_by_side(model))
            warnings.append(
                "no site sent sums of eyes with both modalities: the head over both is the product "
                "of the experts"
            )
    solved_keys = [key for key in model if model[key] is not state.model[key]]
    moved = movement(state.model, model, solved_keys)
    solved = replace(state, model=model, completed=step.round.number, recent=())
    return solved, StepRecord(
        tuple(site.name for site, _ in answered), warnings=tuple(warnings), movement=moved
    )


def _by_group(found: Iterable[tuple[SiteCard, Found | None]]) -> dict[str, list[Found]]:
    """Return what sites have sent by the group of the site, both in the order of their names."""
    groups: dict[str, list[Found]] = {}
    for site, sums in found:
        if sums is not None:
            groups.setdefault(site.group, []).append(sums)
    return dict(sorted(groups.items()))


def _both(sums: Sums) -> BothSums | None:
    if sums.cross is None:
        return None
    fundus, oct_ = (sums.single[modality] for modality in MODALITIES)
    return BothSums(fundus, oct_, sums.cross)


def _put(model: dict[str, NDArray[Any]], module: str, head: Head) -> None:
    model[f"{module}.weight"] = head.weight.astype(np.float32)
    model[f"{module}.bias"] = head.bias.astype(np.float32)


def _side_by_side(model: Mapping[str, NDArray[Any]]) -> Head:
    """Return the product of the experts as a head over both modalities."""
    heads = [HEAD[modality] for modality in MODALITIES]
    weight = np.hstack([model[f"{head}.weight"] for head in heads])
    return Head(weight, np.sum([model[f"{head}.bias"] for head in heads], axis=0), 0.0)


def _told(modality: Modality, groups: int, ridge: float, given: float | None) -> list[str]:
    if given is None and groups < 2:
        return [
            f"{HEAD[modality]}: one group of sites, so none could be left out to choose the ridge; "
            f"{ridge:g} was taken (solve.ridge)"
        ]
    return []
