"""What a reply must be like to be used; anything else costs its site the round, by name."""

from collections.abc import Collection, Iterable

import numpy as np

from fed.protocol.values import Bank, Scores, Update
from fed.sites import CONDITIONS, SiteCard
from fed.states import State

LARGEST = 1e15
"""No number of a site may be larger: the square of what float32 sums still hold is far beyond."""


class RefusedReplyError(ValueError):
    """A reply that must not be used; the words say what was wrong with it first."""


def check_update(
    update: Update, current: State, modules: Collection[str], keys: Collection[str], card: SiteCard
) -> None:
    """Refuse an update that is not an answer to what was asked.

    Parameters
    ----------
    update : Update
    current : State
        The model that the sites were sent.
    modules : collection of str
        That the site could train.
    keys : collection of str
        The names of the model that may travel.
    card : SiteCard
        Who the site is, by the coordinator's knowledge.

    Raises
    ------
    RefusedReplyError
    """
    if update.site != card.name:
        raise RefusedReplyError(f"says it is {update.site!r}")
    expected = {name for name in keys if _module(name) in modules}
    for name, value in update.parameters.items():
        if name not in current:
            raise RefusedReplyError(f"sent {name}, which the global model does not have")
        if name not in expected:
            raise RefusedReplyError(f"sent {name}, which it was not asked to train")
        if value.shape != current[name].shape:
            raise RefusedReplyError(
                f"sent {name} of shape {value.shape}; expected {current[name].shape}"
            )
        if value.dtype != current[name].dtype:
            raise RefusedReplyError(f"sent {name} as {value.dtype}; expected {current[name].dtype}")
        _check_finite(name, value)
    sent = {_module(name) for name in update.parameters}
    missing = sorted(name for name in expected - update.parameters.keys() if _module(name) in sent)
    if missing:
        raise RefusedReplyError(f"sent {_module(missing[0])} without {missing[0]}")
    for module in sorted(sent):
        cases = update.cases.get(module)
        if type(cases) is not int or not 0 <= cases <= card.total:
            raise RefusedReplyError(
                f"claims {cases!r} cases behind {module}; its card has {card.total}"
            )
    for name, loss in update.losses.items():
        if not np.isfinite(loss):
            raise RefusedReplyError(f"has a loss {name} that is not finite")


def check_statistics(statistics: Bank, current: Bank, card: SiteCard, classes: int) -> None:
    """Refuse class statistics that cannot be of the site's own cases.

    Parameters
    ----------
    current : Bank
        Of which at least the feature widths are known; may be empty.
    classes : int

    Raises
    ------
    RefusedReplyError
    """
    for modality, found in statistics.items():
        if modality not in card.modalities:
            raise RefusedReplyError(f"sent statistics of {modality}, which it does not own")
        if found.labels.ndim != 1 or not np.issubdtype(found.labels.dtype, np.integer):
            raise RefusedReplyError(f"sent {modality} labels that are no list of whole numbers")
        if len(found) == 0 or found.labels.min() < 0 or found.labels.max() >= classes:
            raise RefusedReplyError(f"sent {modality} labels outside the {classes} classes")
        width = current[modality].means.shape[1] if modality in current else None
        wrong_width = width is not None and found.means.shape[1:] != (width,)
        shapes = {found.means.shape, found.variances.shape}
        if (
            len(shapes) > 1
            or found.means.ndim != 2
            or len(found.means) != len(found)
            or wrong_width
        ):
            raise RefusedReplyError(f"sent {modality} statistics whose shapes do not fit")
        if found.counts.shape != found.labels.shape or (found.counts <= 0).any():
            raise RefusedReplyError(f"sent {modality} counts that are not above 0, one a cluster")
        for name in ("means", "variances", "counts"):
            _check_finite(f"{modality} {name}", getattr(found, name))
        if (found.variances < 0).any():
            raise RefusedReplyError(f"sent {modality} variances below 0")
        if found.counts.sum() > card.having(modality):
            raise RefusedReplyError(
                f"claims {found.counts.sum():g} {modality} cases; its card has "
                f"{card.having(modality)}"
            )


def check_scores(scores: Scores, card: SiteCard, classes: int) -> None:
    """Refuse scores that are not probabilities of the site's own cases.

    Raises
    ------
    RefusedReplyError
    """
    n = len(scores.case_ids)
    if scores.site != card.name:
        raise RefusedReplyError(f"says it is {scores.site!r}")
    if n > card.total or len(scores.patient_ids) != n or scores.labels.shape != (n,):
        raise RefusedReplyError(f"scored {n} cases; its card has {card.total}")
    if len(set(scores.case_ids)) < n:
        raise RefusedReplyError("scored a case twice")
    if n and (scores.labels.min() < 0 or scores.labels.max() >= classes):
        raise RefusedReplyError(f"sent labels outside the {classes} classes")
    for column, values in scores.groups.items():
        if len(values) != n or not all(isinstance(value, str) for value in values):
            raise RefusedReplyError(f"sent groups of {column!r} that are not one text a case")
    tables = [("", scores.probabilities), *scores.adapted.items()]
    for procedure, by_condition in tables:
        for condition in CONDITIONS:
            if condition in by_condition:
                _check_rows(scores.rows[condition], n)
                _check_probabilities(
                    f"{procedure} {condition}".strip(),
                    by_condition[condition],
                    (len(scores.rows[condition]), classes),
                )


def _check_rows(rows: np.ndarray, cases: int) -> None:
    values: Iterable[int] = rows.tolist()
    if rows.ndim != 1 or len(set(values)) < len(rows) or any(not 0 <= r < cases for r in values):
        raise RefusedReplyError("sent rows that are no cases of its list")


def _check_probabilities(name: str, table: np.ndarray, shape: tuple[int, int]) -> None:
    if table.shape != shape:
        raise RefusedReplyError(f"sent {name} scores of shape {table.shape}; expected {shape}")
    fair = np.isfinite(table).all() and (table >= 0).all()
    if not fair or not np.allclose(table.sum(axis=1), 1.0, atol=1e-4):
        raise RefusedReplyError(f"sent {name} scores that are no probabilities")


def _check_finite(name: str, value: np.ndarray) -> None:
    if value.dtype.kind == "f" and not (np.abs(value) <= LARGEST).all():
        finite = np.isfinite(value).all()
        raise RefusedReplyError(
            f"sent {name} with values {'above 1e15' if finite else 'that are not finite'}"
        )


def _module(name: str) -> str:
    return name.split(".", 1)[0]
