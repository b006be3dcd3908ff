"""Sums of a site's features, for heads in closed form: packed, read and checked."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
from model.closed_form import ClassSums, CrossSums

CROSS = "sums.cross"
"""Record of the sums across modalities."""


@dataclass(frozen=True)
class Sums:
    """What a site's features add up to.

    Attributes
    ----------
    single : Mapping of modality to ClassSums
    cross : CrossSums or None
        Across the modalities, of eyes with both; None where nobody asks, or there are none.
    """

    single: Mapping[Modality, ClassSums]
    cross: CrossSums | None = None


def pack_sums(sums: Sums) -> RecordDict:
    """Pack sums; of the symmetric scatter one half travels."""
    content = RecordDict(
        {
            f"sums.{modality}": pack_state(
                {
                    "counts": found.counts,
                    "means": found.means,
                    "scatter": found.half,
                }
            )
            for modality, found in sums.single.items()
        }
    )
    if sums.cross is not None:
        across = {"counts": sums.cross.counts, "scatter": sums.cross.scatter}
        content[CROSS] = pack_state(across)
    return content


def unpack_sums(
    content: RecordDict,
    widths: Mapping[Modality, int],
    card: SiteCard,
    classes: int,
    cross: bool = False,
    noised: bool = False,
) -> Sums:
    """Unpack what `pack_sums` packed, and refuse what cannot be of the site's own cases.

    Parameters
    ----------
    widths : Mapping
        Of the features of each modality.
    cross : bool
        Whether sums across modalities were asked for.
    noised : bool
        Whether noise was asked for, with which a scatter may be none that features have.

    Raises
    ------
    RefusedReplyError
    """
    names = [f"sums.{modality}" for modality in card.modalities]
    names += [CROSS] if cross and len(card.modalities) == len(MODALITIES) else []
    check_records(content, {name: ArrayRecord for name in names if name in content})
    single = {
        modality: _read(
            content.array_records[name], modality, widths[modality], card, classes, noised
        )
        for modality in MODALITIES
        if (name := f"sums.{modality}") in content
    }
    if CROSS not in content:
        return Sums(single)
    return Sums(single, _read_cross(content.array_records[CROSS], single, card, classes))


def sums_bytes(classes: int, widths: Iterable[int], cross: bool = False) -> int:
    """Return the bytes that sums have at most."""
    known = list(widths)
    return TEXT + 3 * HEAD * (len(known) + cross) + sums_numbers(classes, known, cross)


def sums_numbers(classes: int, widths: Iterable[int], cross: bool = False) -> int:
    """Return the bytes of the numbers of sums, without names and heads.

    Parameters
    ----------
    cross : bool
        Whether sums across modalities are among them, at a site with two.
    """
    known = list(widths)
    across = math.prod(known) + classes if cross and len(known) > 1 else 0
    alone = sum(classes * (width + 1) + width * (width + 1) // 2 for width in known)
    return 8 * (alone + across)


def _read(
    record: ArrayRecord,
    modality: Modality,
    width: int,
    card: SiteCard,
    classes: int,
    noised: bool,
) -> ClassSums:
    found = arrays(record)
    check_names(f"{modality} sums", found, ("counts", "means", "scatter"))
    counts, means, half = found["counts"], found["means"], found["scatter"]
    check_array(f"{modality} counts", counts, np.int64, (classes,))
    check_array(f"{modality} means", means, np.float64, (classes, width))
    check_finite(f"{modality} scatter", half, LARGEST**2)
    if half.shape != (width * (width + 1) // 2,) or half.dtype != np.float64:
        raise RefusedReplyError(f"sent {modality} scatter that is no half of {width} x {width}")
    _check_counts(
        modality, counts.tolist(), np.add(card.cases["both"], card.cases[modality]).tolist()
    )
    if not counts.any():
        raise RefusedReplyError(f"sent {modality} sums of nothing")
    if means[counts == 0].any():
        raise RefusedReplyError(f"sent {modality} means of a class that it counts no case of")
    read = ClassSums.with_half(counts.copy(), means.copy(), half)
    scatter, own = read.scatter, np.diag(read.scatter)
    if noised:
        return read
    if (own < 0).any() or (np.abs(scatter) > np.sqrt(np.outer(own, own)) * (1 + 1e-9) + 1e-9).any():
        raise RefusedReplyError(f"sent {modality} scatter that no features have")
    return read


def _read_cross(
    record: ArrayRecord, single: Mapping[Modality, ClassSums], card: SiteCard, classes: int
) -> CrossSums:
    """Read sums across modalities, which those of each bound (Cauchy and Schwarz)."""
    found = arrays(record)
    check_names("cross sums", found, ("counts", "scatter"))
    if len(single) < len(MODALITIES):
        raise RefusedReplyError("sent cross sums without those of both modalities")
    x, y = (single[modality] for modality in MODALITIES)
    counts, scatter = found["counts"], found["scatter"]
    check_array("cross counts", counts, np.int64, (classes,))
    check_array("cross scatter", scatter, np.float64, (len(x.scatter), len(y.scatter)))
    having = np.minimum(np.minimum(x.counts, y.counts), card.cases["both"])
    _check_counts("cross", counts.tolist(), having.tolist())
    if not counts.any():
        raise RefusedReplyError("sent cross sums of nothing")
    most = np.sqrt(np.outer(np.diag(x.scatter), np.diag(y.scatter)))
    if (np.abs(scatter) > most * (1 + 1e-9) + 1e-9).any():
        raise RefusedReplyError("sent cross scatter that no features have")
    return CrossSums(counts.copy(), scatter.copy())


def _check_counts(name: str, counts: Sequence[int], most: Sequence[int]) -> None:
    for label, (count, having) in enumerate(zip(counts, most, strict=True)):
        if not 0 <= count <= having:
            raise RefusedReplyError(
                f"claims {count} {name} cases of class {label}; its card has {having}"
            )
