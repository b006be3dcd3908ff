"""Sums of a site's features, for heads in closed form: packed, read and checked."""

from collections.abc import Iterable, Mapping

import numpy as np
from flwr.app import ArrayRecord, RecordDict

from fed.protocol.limits import HEAD, TEXT
from fed.protocol.records import pack_state
from fed.protocol.refusal import (
    LARGEST,
    RefusedReplyError,
    arrays,
    check_array,
    check_finite,
    check_names,
    check_records,
)
from fed.sites import MODALITIES, Modality, SiteCard
from model.closed_form import ClassSums

Sums = Mapping[Modality, ClassSums]
"""Sums of each modality."""


def pack_sums(sums: Sums) -> RecordDict:
    """Pack sums; of the symmetric scatter one half travels."""
    return RecordDict(
        {
            f"sums.{modality}": pack_state(
                {
                    "counts": found.counts,
                    "means": found.means,
                    "scatter": found.scatter[np.triu_indices(len(found.scatter))],
                }
            )
            for modality, found in sums.items()
        }
    )


def unpack_sums(
    content: RecordDict, widths: Mapping[Modality, int], card: SiteCard, classes: int
) -> dict[Modality, ClassSums]:
    """Unpack what `pack_sums` packed, and refuse what cannot be of the site's own cases.

    Parameters
    ----------
    widths : Mapping
        Of the features of each modality.

    Raises
    ------
    RefusedReplyError
    """
    check_records(
        content, {n: ArrayRecord for m in card.modalities if (n := f"sums.{m}") in content}
    )
    return {
        modality: _read(content.array_records[name], modality, widths[modality], card, classes)
        for modality in MODALITIES
        if (name := f"sums.{modality}") in content
    }


def sums_bytes(classes: int, widths: Iterable[int]) -> int:
    """Return the bytes that sums have at most."""
    known = list(widths)
    return TEXT + 3 * HEAD * len(known) + sums_numbers(classes, known)


def sums_numbers(classes: int, widths: Iterable[int]) -> int:
    """Return the bytes of the numbers of sums, without names and heads."""
    return sum(8 * (classes * (width + 1) + width * (width + 1) // 2) for width in widths)


def _read(
    record: ArrayRecord, modality: Modality, width: int, card: SiteCard, classes: int
) -> ClassSums:
    found = arrays(record)
    check_names(f"{modality} sums", found, ("counts", "means", "scatter"))
    counts, means, half = found["counts"], found["means"], found["scatter"]
    check_array(f"{modality} counts", counts, np.int64, (classes,))
    check_array(f"{modality} means", means, np.float64, (classes, width))
    check_finite(f"{modality} scatter", half, LARGEST**2)
    if half.shape != (width * (width + 1) // 2,) or half.dtype != np.float64:
        raise RefusedReplyError(f"sent {modality} scatter that is no half of {width} x {width}")
    _check_counts(modality, counts.tolist(), card)
    if not counts.any():
        raise RefusedReplyError(f"sent {modality} sums of nothing")
    if means[counts == 0].any():
        raise RefusedReplyError(f"sent {modality} means of a class that it counts no case of")
    scatter = np.zeros((width, width))
    scatter[np.triu_indices(width)] = half
    scatter = scatter + np.triu(scatter, 1).T
    own = np.diag(scatter)
    if (own < 0).any() or (np.abs(scatter) > np.sqrt(np.outer(own, own)) * (1 + 1e-9) + 1e-9).any():
        raise RefusedReplyError(f"sent {modality} scatter that no features have")
    return ClassSums(counts.copy(), means.copy(), scatter)


def _check_counts(modality: Modality, counts: list[int], card: SiteCard) -> None:
    for label, count in enumerate(counts):
        having = card.cases["both"][label] + card.cases[modality][label]
        if not 0 <= count <= having:
            raise RefusedReplyError(
                f"claims {count} {modality} cases of class {label}; its card has {having}"
            )
