"""Squared distances within a modality: all that a coupling sees of the features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor


def distances(features: Sequence[Tensor], present: Tensor, name: str) -> Tensor:
    """Return every problem's squared distances over their maximum, padded with zeros.

    Problems of one width are computed together, in float64; different widths are not padded to one
    another, as 6144 features beside 64 would waste most of the work.

    Parameters
    ----------
    features : sequence of B Tensors (n_k, d_k)
    present : Tensor (B, n) of bool
        Who takes part, n being the largest n_k; the distances of the others are zero.
    name : str
        What to call the features in an error.

    Returns
    -------
    Tensor (B, n, n) of float64
        Zeros in a problem whose samples are all equal.

    Raises
    ------
    ValueError
        On features that are not finite.
    """
    by_width: dict[int, list[int]] = defaultdict(list)
    for k, matrix in enumerate(features):
        by_width[matrix.shape[1]].append(k)
    padded = present.new_zeros((*present.shape, present.shape[1]), dtype=torch.float64)
    for same_width in by_width.values():
        stacked = _stack([features[k] for k in same_width], present.shape[1])
        magnitudes = stacked.detach().abs().amax(-1)
        if not bool(torch.isfinite(magnitudes).all()):
            k = same_width[int((~torch.isfinite(magnitudes)).any(1).nonzero()[0])]
            raise not_finite(features[k], f"{name} in problem {k}" if len(features) > 1 else name)
        if len(same_width) == len(features):
            return _normalised(stacked, magnitudes, present)
        index = torch.tensor(same_width, device=present.device)
        padded = padded.index_copy(0, index, _normalised(stacked, magnitudes, present[index]))
    return padded


def not_finite(features: Tensor, name: str) -> ValueError:
    """Return the error on features that are not all finite."""
    row = int((~torch.isfinite(features)).any(1).nonzero()[0])
    return ValueError(f"{name} is not finite, first in row {row}")


def _stack(matrices: Sequence[Tensor], rows: int) -> Tensor:
    if len(matrices) == 1 and len(matrices[0]) == rows:
        return matrices[0].double()[None]
    stacked = matrices[0].new_zeros(len(matrices), rows, matrices[0].shape[1], dtype=torch.float64)
    for k, matrix in enumerate(matrices):
        stacked[k, : len(matrix)] = matrix
    return stacked


def _normalised(features: Tensor, magnitudes: Tensor, present: Tensor) -> Tensor:
    """Return normalised distances (B, n, n) of features (B, n, d) of known row maxima (B, n)."""
    largest = torch.where(present, magnitudes, 0.0).amax(1, keepdim=True)
    # Rows that take no part are brought to size by themselves, lest they overflow.
    size = torch.where(present, largest, magnitudes)[..., None]
    features = features / torch.where(size > 0, size, 1.0)
    weights = present.double() / present.sum(1, keepdim=True)
    centred = features - (weights[:, None] @ features).detach()
    gram = centred @ centred.mT
    norms = gram.diagonal(dim1=-2, dim2=-1)
    squared = (norms[:, :, None] + norms[:, None, :] - 2 * gram).clamp(min=0.0)
    apart = present[:, :, None] & present[:, None, :]
    apart.diagonal(dim1=-2, dim2=-1).fill_(False)
    squared = torch.where(apart, squared, 0.0)
    # Equal samples differ from their mean by rounding alone.
    rounding = (8 * torch.finfo(features.dtype).eps) ** 2 * features.shape[-1]
    spread = torch.where(present, norms.detach(), 0.0).amax(1)[:, None, None]
    distinct = spread > rounding
    longest = squared.amax((1, 2), keepdim=True)
    return torch.where(distinct, squared / torch.where(distinct, longest, 1.0), 0.0)
