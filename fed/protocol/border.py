"""What a reply must be like to be used; anything else costs its site the round, by name.

`fed.protocol.records` has refused what is not of the form of a reply; here its content is held
against what was asked, and against what is known of the site: from the configuration, and from
the card that it gave at the start.
"""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from fed.pair_sums import PairSums
from fed.protocol.refusal import (
    LARGEST,
    RefusedReplyError,
    check_array,
    check_finite,
    check_names,
    shown,
)
from fed.protocol.values import Scores, Statistics, TrainTask, Update
from fed.prototypes import Prototypes
from fed.sites import CONDITIONS, MODALITIES, NEEDED_BY, Condition, Modality, Site, SiteCard
from fed.states import State
from model.parts import learned

MOST_STEPS = 2**53
"""A counter that a float can hold."""


def check_card(card: SiteCard, site: Site, classes: int) -> None:
    """Refuse a card that is not of the site as the configuration describes it.

    Parameters
    ----------
    site : Site
        Who the node is, by the coordinator's knowledge.
    classes : int

    Raises
    ------
    RefusedReplyError
    """
    for what in ("name", "group", "role", "resources"):
        claimed, known = getattr(card, what), getattr(site, what)
        if claimed != known:
            raise RefusedReplyError(
                f"says that its {what} is {shown(claimed)}; by the configuration {shown(known)}"
            )
    if len(set(card.modalities)) < len(card.modalities):
        raise RefusedReplyError("names a modality twice")
    for modality in card.modalities:
        if modality not in site.modalities:
            raise RefusedReplyError(f"says that it has {modality}; by the configuration not")
    for condition in CONDITIONS:
        counts = card.cases[condition]
        if len(counts) != classes:
            raise RefusedReplyError(
                f"counts {condition} cases of {len(counts)} classes; there are {classes}"
            )
        if any(counts) and not set(NEEDED_BY[condition]) <= set(card.modalities):
            raise RefusedReplyError(f"counts {condition} cases without having what they need")


def check_update(
    update: Update,
    current: State,
    modules: Mapping[str, int],
    keys: Collection[str],
    card: SiteCard,
    variates: bool = False,
) -> None:
    """Refuse an update that is not an answer to what was asked.

    Parameters
    ----------
    update : Update
    current : State
        The model that the sites were sent.
    modules : Mapping of str to int
        That the site could train, each with the cases that can be behind it.
    keys : collection of str
        The names of the model that may travel.
    card : SiteCard
        Who the site is, by the coordinator's knowledge.
    variates : bool
        Whether control variates of the weights were asked for.

    Raises
    ------
    RefusedReplyError
    """
    if update.site != card.name:
        raise RefusedReplyError(f"says it is {shown(update.site)}")
    expected = {name for name in keys if _module(name) in modules}
    for name, value in update.parameters.items():
        if name not in current:
            raise RefusedReplyError(f"sent {shown(name)}, which the global model does not have")
        if name not in expected:
            raise RefusedReplyError(f"sent {name}, which it was not asked to train")
        check_array(name, value, current[name].dtype, current[name].shape)
        _check_statistic(name, value)
    sent = {_module(name) for name in update.parameters}
    missing = sorted(name for name in expected - update.parameters.keys() if _module(name) in sent)
    if missing:
        raise RefusedReplyError(f"sent {_module(missing[0])} without {missing[0]}")
    if unknown := [module for module in update.cases if module not in modules]:
        raise RefusedReplyError(f"claims cases behind {shown(unknown[0])}, which nobody asked for")
    for module in sorted(sent - update.cases.keys()):
        raise RefusedReplyError(f"does not say how many cases are behind {module}")
    for module, cases in update.cases.items():
        if cases > modules[module]:
            raise RefusedReplyError(
                f"claims {cases} cases behind {module}; its card has {modules[module]}"
            )
    weights = [name for name in update.parameters if learned(name)] if variates else []
    check_names("control variates of", update.variates, weights)
    for name, value in update.variates.items():
        check_array(f"the control variate of {name}", value, np.float32, current[name].shape)


def check_halved(parameters: State) -> None:
    """Refuse weights that are not in the 16 bits that were asked for.

    Raises
    ------
    RefusedReplyError
    """
    for name, value in parameters.items():
        if value.dtype.kind == "f" and value.dtype != np.float16:
            raise RefusedReplyError(f"sent {shown(name)} as {value.dtype}; expected float16")


def check_statistics(
    statistics: Statistics,
    widths: Mapping[Modality, int],
    card: SiteCard,
    classes: int,
    clusters: int,
) -> None:
    """Refuse class statistics that cannot be of the site's own cases.

    Parameters
    ----------
    widths : Mapping
        Of the features of each modality.
    classes : int
    clusters : int
        Most that a class and modality may have.

    Raises
    ------
    RefusedReplyError
    """
    for modality, found in statistics.bank.items():
        if modality not in card.modalities:
            raise RefusedReplyError(f"sent {modality} statistics, a modality it does not have")
        rows = len(found.labels) if found.labels.ndim == 1 else 0
        wide = (rows, widths[modality])
        check_array(f"{modality} labels", found.labels, np.int64, (rows,))
        check_array(f"{modality} counts", found.counts, np.float32, (rows,))
        check_array(f"{modality} means", found.means, np.float32, wide)
        _check_variances(modality, found, wide)
        if not rows:
            raise RefusedReplyError(f"sent {modality} statistics of nothing")
        if found.labels.min() < 0 or found.labels.max() >= classes:
            raise RefusedReplyError(f"sent {modality} labels outside the {classes} classes")
        if (found.counts <= 0).any():
            raise RefusedReplyError(f"sent {modality} counts that are not above 0")
        _check_clusters(modality, found, card, clusters)
    if statistics.pairs is not None:
        _check_pairs(statistics.pairs, [widths[m] for m in MODALITIES], card, classes)


def _check_pairs(pairs: PairSums, widths: list[int], card: SiteCard, classes: int) -> None:
    check_array("counts of pairs", pairs.counts, np.float32, (classes,))
    if pairs.scatter.shape != (classes, *widths) or pairs.scatter.dtype != np.float32:
        check_array("scatter of pairs", pairs.scatter, np.float32, (classes, *widths))
    check_finite("scatter of pairs", pairs.scatter, LARGEST**2)
    for label, (count, having) in enumerate(zip(pairs.counts, card.cases["both"], strict=True)):
        if not 0 <= count <= having:
            raise RefusedReplyError(
                f"claims {count:g} linked pairs of class {label}; its card has {having}"
            )
    if pairs.scatter[pairs.counts == 0].any():
        raise RefusedReplyError("sent scatter of a class that it counts no linked pair of")


def _check_variances(modality: Modality, found: Prototypes, shape: tuple[int, int]) -> None:
    name = f"{modality} variances"
    if found.variances.shape != shape or found.variances.dtype != np.float32:
        check_array(name, found.variances, np.float32, shape)
    check_finite(name, found.variances, LARGEST**2)
    if (found.variances < 0).any():
        raise RefusedReplyError(f"sent {name} below 0")


def _check_clusters(modality: Modality, found: Prototypes, card: SiteCard, clusters: int) -> None:
    for label in np.unique(found.labels):
        own = found.of_class(int(label))
        having = card.cases["both"][label] + card.cases[modality][label]
        if len(own) > clusters:
            raise RefusedReplyError(
                f"sent {len(own)} {modality} clusters of class {label}; at most {clusters}"
            )
        if own.counts.sum() > having:
            raise RefusedReplyError(
                f"claims {own.counts.sum():g} {modality} cases of class {label}; its card has "
                f"{having}"
            )


def check_scores(
    scores: Scores,
    card: SiteCard,
    classes: int,
    conditions: Collection[Condition] = CONDITIONS,
    adapts: bool = True,
    measures: bool = True,
    columns: Collection[str] = (),
) -> None:
    """Refuse scores that are not probabilities of the site's own cases.

    Parameters
    ----------
    conditions : collection of Condition
        That were asked for.
    adapts : bool
        Whether the site was to adapt the model.
    measures : bool
        Whether the site was sent prototypes, from which it tells distances.
    columns : collection of str
        Whose groups were asked for.

    Raises
    ------
    RefusedReplyError
    """
    n = len(scores.case_ids)
    if scores.site != card.name:
        raise RefusedReplyError(f"says it is {shown(scores.site)}")
    if n > card.total:
        raise RefusedReplyError(f"scored {n} cases; its card has {card.total}")
    if len(scores.patient_ids) != n:
        raise RefusedReplyError(f"named {len(scores.patient_ids)} patients of {n} cases")
    if len(set(scores.case_ids)) < n:
        raise RefusedReplyError("scored a case twice")
    check_array("labels", scores.labels, np.int64, (n,))
    if n and (scores.labels.min() < 0 or scores.labels.max() >= classes):
        raise RefusedReplyError(f"sent labels outside the {classes} classes")
    _check_labels(scores, card, classes)
    check_names("condition", scores.rows, conditions)
    if scores.adapted and not adapts:
        raise RefusedReplyError("adapted the model, which nobody asked for")
    check_names("groups", scores.groups, columns)
    for column, values in scores.groups.items():
        if len(values) != n:
            raise RefusedReplyError(f"sent {len(values)} groups of {column}; it scored {n} cases")
    tables = [("", scores.probabilities), *scores.adapted.items()]
    for condition, rows in scores.rows.items():
        _check_rows(condition, rows, n)
        for procedure, by_condition in tables:
            name = f"{procedure} {condition}".strip()
            _check_probabilities(name, by_condition[condition], (len(rows), classes))
    if scores.distances and not measures:
        raise RefusedReplyError("sent distances, which nobody asked for")
    for modality, found in scores.distances.items():
        if found.ndim != 1 or len(found) > n or not (np.isfinite(found) & (found >= 0)).all():
            raise RefusedReplyError(f"sent {modality} distances that its cases cannot have")


def check_train_task(task: TrainTask, phases: int) -> None:
    """Refuse, at a site, a round that nobody could have meant.

    Raises
    ------
    RefusedReplyError
    """
    if task.round < 1 or not 0 <= task.phase < phases:
        raise RefusedReplyError(f"asked for phase {task.phase} in round {task.round}")
    if not 0 <= task.lr <= 1e3:  # NaN is neither
        raise RefusedReplyError(f"sent the learning rate {task.lr:g}")
    for name, value in task.parameters.items():
        check_finite(name, value)
    for name, value in task.correction.items():
        if name not in task.parameters:
            raise RefusedReplyError(f"sent a correction of {shown(name)}, which it did not send")
        check_array(f"the correction of {name}", value, np.float32, task.parameters[name].shape)
    if task.anchors:
        wanted = [f"{modality}.{part}" for modality in task.bank for part in ("weight", "offset")]
        check_names("anchors", task.anchors, wanted)
    for name, value in task.anchors.items():
        check_finite(name, value)


def _check_labels(scores: Scores, card: SiteCard, classes: int) -> None:
    counted = np.bincount(scores.labels, minlength=classes)
    having = np.sum([card.cases[condition] for condition in CONDITIONS], axis=0)
    for label in np.flatnonzero(counted > having):
        raise RefusedReplyError(
            f"scored {counted[label]} cases of class {label}; its card has {having[label]}"
        )


def _check_rows(condition: str, rows: np.ndarray, cases: int) -> None:
    name = f"{condition} rows"
    if rows.ndim != 1 or rows.dtype != np.int64:
        check_array(name, rows, np.int64, (rows.size,))
    values: Iterable[int] = rows.tolist()
    if len(set(values)) < len(rows) or any(not 0 <= r < cases for r in values):
        raise RefusedReplyError(f"sent {name} that are no cases of its list")


def _check_probabilities(name: str, table: np.ndarray, shape: tuple[int, int]) -> None:
    if table.shape != shape or table.dtype != np.float64:
        check_array(f"{name} scores", table, np.float64, shape)
    fair = np.isfinite(table).all() and (table >= 0).all()
    if not fair or not np.allclose(table.sum(axis=1), 1.0, atol=1e-4):
        raise RefusedReplyError(f"sent {name} scores that are no probabilities")


def _check_statistic(name: str, value: np.ndarray) -> None:
    """Refuse variances and counters that nothing can have given."""
    if name.endswith("running_var") and (value < 0).any():
        raise RefusedReplyError(f"sent {name} below 0")
    if value.dtype.kind in "iu" and not ((value >= 0) & (value <= MOST_STEPS)).all():
        raise RefusedReplyError(f"sent {name} outside 0 to 2^53")


def _module(name: str) -> str:
    return name.split(".", 1)[0]
