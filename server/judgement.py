"""What the finished model is worth to those who would use it, from the scores that came back."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fed.config import Config
from fed.errors import ConfigError
from fed.judgement.equipment import equipment
from fed.judgement.eyes import two_image_eyes
from fed.judgement.mix import assumed_mix
from fed.judgement.sets import prediction_sets
from fed.judgement.subgroups import subgroups
from fed.judgement.triage import triage
from fed.metrics import measured
from fed.protocol import Scores
from fed.randomness import generator
from fed.results import Equipment, GroupTable, Sets, Triage
from fed.sites import Condition, SiteCard
from server.evaluation import prediction_columns, prediction_rows
from server.final_scores import FinalScores

if TYPE_CHECKING:
    import pandas as pd


def predictions_of(sites: Sequence[Scores], config: Config) -> "pd.DataFrame":
    """Return scores as `fed.results.read_predictions` reads them from the file."""
    import pandas as pd

    columns = prediction_columns(sites, len(config.task.classes))
    return pd.DataFrame(prediction_rows(sites, config.evaluation.conditions), columns=columns)


def groups_of(sites: Sequence[Scores], config: Config) -> "pd.DataFrame":
    """Return the group of each scored case: site, case_id, and the columns that are asked for."""
    import pandas as pd

    columns = config.evaluation.subgroups
    once = {scores.site: scores for scores in sites}.values()  # however many models it scored
    rows = [
        [s.site, case, *(s.groups[column][i] if column in s.groups else "" for column in columns)]
        for s in once
        for i, case in enumerate(s.case_ids)
    ]
    return pd.DataFrame(rows, columns=["site", "case_id", *columns])


def judgements(scores: FinalScores, cards: Sequence[SiteCard], config: Config) -> dict[str, Any]:
    """Return the parts of ``results.json`` that say what the model is worth to its users."""
    predictions = predictions_of(scores.held_out, config)
    validation = predictions_of(scores.validation, config)
    return {
        "triage": triage_results(predictions, cards, config),
        "sets": sets_results(predictions, validation, config),
        "equipment": equipment_results(predictions, cards, config),
        "subgroups": subgroup_results(predictions, groups_of(scores.held_out, config), config),
    }


def check_sets(config: Config, cards: Iterable[SiteCard]) -> None:
    """Refuse calibration eyes that leave a held-out site none to score.

    Raises
    ------
    ConfigError
        Naming the site.
    """
    evaluation = config.evaluation
    sets, archive = evaluation.sets, evaluation.onboarding.archive if evaluation.onboarding else 0
    if sets is None or sets.calibrate != "local":
        return
    for card in cards:
        judged = card.total - archive
        if card.role == "held_out" and judged <= sets.cases:
            raise ConfigError(
                f"evaluation.sets.cases: {sets.cases} eyes to calibrate on leave {card.name} none to "
                f"score; allowed: at most {max(judged - 1, 0)}, one fewer than it is judged on"
            )


def sets_results(
    predictions: "pd.DataFrame", validation: "pd.DataFrame", config: Config
) -> Sets | None:
    """Return how prediction sets come out; None where they are not asked for."""
    asked = config.evaluation.sets
    if asked is None:
        return None
    return prediction_sets(
        predictions,
        validation,
        asked,
        config.evaluation.bootstrap,
        lambda site, purpose: generator(config.seed, "sets", site, purpose),
    )


def triage_results(
    predictions: "pd.DataFrame", cards: Iterable[SiteCard], config: Config
) -> Triage | None:
    """Return who needs the other camera; None where that is not asked, or no eye has both images."""
    asked, eyes = config.evaluation.triage, two_image_eyes(predictions)
    if asked is None or eyes is None:
        return None
    return triage(
        eyes,
        assumed_mix(config, cards),
        asked.mix,
        config.evaluation.bootstrap,
        lambda image: generator(config.seed, "triage", image, "bootstrap"),
    )


def equipment_results(
    predictions: "pd.DataFrame", cards: Iterable[SiteCard], config: Config
) -> Equipment | None:
    """Return what cameras would be worth; None where not asked, or no eye has both images."""
    asked, eyes = config.evaluation.equipment, two_image_eyes(predictions)
    if asked is None or eyes is None:
        return None
    cards = tuple(cards)
    return equipment(
        eyes,
        cards,
        assumed_mix(config, cards),
        asked,
        config.evaluation.bootstrap,
        generator(config.seed, "equipment", "bootstrap"),
    )


def subgroup_results(
    predictions: "pd.DataFrame", groups: "pd.DataFrame", config: Config
) -> dict[str, dict[Condition, GroupTable]] | None:
    """Return the metrics by group of each column asked for; None where none is."""
    evaluation = config.evaluation
    found = {
        column: subgroups(
            predictions,
            groups,
            column,
            measured(evaluation),
            evaluation.bootstrap,
            partial(_group_generator, config.seed, column),
        )
        for column in evaluation.subgroups
    }
    return {column: table for column, table in found.items() if table is not None} or None


def _group_generator(
    seed: int, column: str, group: str, condition: Condition
) -> np.random.Generator:
    return generator(seed, "subgroups", column, group, condition)
