"""The heads in closed form: sums of all sites by modality, then one solution each."""

from typing import cast

import numpy as np

from fed.config import Config
from fed.errors import RunError
from fed.protocol import Sums
from fed.sites import MODALITIES, Modality
from model.closed_form import ClassSums, solve_head
from model.parts import HEAD
from server.alarm import movement
from server.algorithm import Step, StepRecord, Updates
from server.state import ServerState


def solve_heads(
    config: Config, state: ServerState, step: Step, updates: Updates
) -> tuple[ServerState, StepRecord]:
    """Solve for the head of each modality that some site owns.

    Raises
    ------
    RunError
        If no site holds two classes of a modality.
    """
    solve = config.method.phases[step.round.phase].solve
    assert solve is not None
    sums: dict[Modality, dict[str, list[tuple[str, ClassSums]]]] = {m: {} for m in MODALITIES}
    answered = []
    for site, returned in updates:
        answered.append(site.name)
        for modality, own in cast(Sums, returned).items():
            sums[modality].setdefault(site.group, []).append((site.name, own))
    model, warnings = dict(state.model), []
    for modality, groups in sums.items():
        if not groups:
            continue
        in_order = {
            group: [own for _, own in sorted(sites, key=lambda site: site[0])]
            for group, sites in sorted(groups.items())
        }
        try:
            head = solve_head(in_order, solve.ridge)
        except ValueError as error:
            raise RunError(f"round {step.round.number}: {HEAD[modality]}: {error}") from None
        model[f"{HEAD[modality]}.weight"] = head.weight.astype(np.float32)
        model[f"{HEAD[modality]}.bias"] = head.bias.astype(np.float32)
        warnings += _told(modality, len(groups), head.ridge, solve.ridge)
    solved_keys = [key for key in model if model[key] is not state.model[key]]
    moved = movement(state.model, model, solved_keys)
    solved = ServerState(model, step.round.number, (), state.moments, state.bank, state.kept)
    return solved, StepRecord(tuple(sorted(answered)), warnings=tuple(warnings), movement=moved)


def _told(modality: Modality, groups: int, ridge: float, given: float | None) -> list[str]:
    if given is None and groups < 2:
        return [
            f"{HEAD[modality]}: one group of sites, so none could be left out to choose the ridge; "
            f"{ridge:g} was taken (solve.ridge)"
        ]
    return []
