"""From features and labels to what `fused` iterates: classes in blocks, marginals, and distances.

What `problems` and `distances` do for a padded batch of tensors, for one problem on a CPU.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .compilation import compiled

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Features that are brought together at once: so many of them stay in cache while all pairs are compared.
FEATURES_AT_ONCE = 64
TILE = 16


@compiled
def shared_classes(
    lx: Integers, ly: Integers, a: Array, b: Array
) -> tuple[Integers, Integers, Integers, Integers, Array, Array, Integers]:
    """Sort what has weight, and a class that both sides hold, by class.

    Parameters
    ----------
    lx, ly : (n,), (m,)
        Labels.
    a, b : (n,), (m,)
        Weights, not negative.

    Returns
    -------
    row_order, column_order : (n',), (m',)
        Where the rows and columns that take part were.
    rows, columns : (K + 1,)
        Where the classes begin among them.
    masses_of_rows, masses_of_columns : (n',), (m',)
        Of sum one; a class has the mass of its rows on either side.
    left_out : (L,)
        Labels that take no part.
    """
    n, m = len(lx), len(ly)
    by_label_x, by_label_y = np.argsort(lx, kind="mergesort"), np.argsort(ly, kind="mergesort")
    row_order, column_order = np.empty(n, np.int64), np.empty(m, np.int64)
    rows, columns = np.zeros(min(n, m) + 1, np.int64), np.zeros(min(n, m) + 1, np.int64)
    row_mass, column_mass = np.empty(n), np.empty(m)
    left_out = np.empty(n + m, np.int64)
    i, j, shared, left, total = 0, 0, 0, 0, 0.0
    while i < n or j < m:
        if j == m or (i < n and lx[by_label_x[i]] < ly[by_label_y[j]]):
            label = lx[by_label_x[i]]
        else:
            label = ly[by_label_y[j]]
        first_i, first_j, of_rows, of_columns = i, j, 0.0, 0.0
        while i < n and lx[by_label_x[i]] == label:
            of_rows += a[by_label_x[i]]
            i += 1
        while j < m and ly[by_label_y[j]] == label:
            of_columns += b[by_label_y[j]]
            j += 1
        if not (of_rows > 0 and of_columns > 0):
            left_out[left] = label
            left += 1
            continue
        row, column = rows[shared], columns[shared]
        for at in by_label_x[first_i:i]:
            if a[at] > 0:
                row_order[row], row_mass[row] = at, a[at]
                row += 1
        for at in by_label_y[first_j:j]:
            if b[at] > 0:
                column_order[column], column_mass[column] = at, b[at] * (of_rows / of_columns)
                column += 1
        shared += 1
        rows[shared], columns[shared] = row, column
        total += of_rows
    row, column = rows[shared], columns[shared]
    return (
        row_order[:row],
        column_order[:column],
        rows[: shared + 1],
        columns[: shared + 1],
        row_mass[:row] / total,
        column_mass[:column] / total,
        left_out[:left],
    )


@compiled
def distances(features: NDArray[np.floating], order: Integers, scale: float) -> Array:
    """Return squared distances (n', n') over the largest; zeros where all samples are equal.

    Parameters
    ----------
    features : (n, d)
        Of any floating type; sums are in float64.
    order : (n',)
        The samples, in the order wanted.
    scale
        What the features are multiplied by, so that no square overflows.
    """
    n, width = len(order), features.shape[1]
    squared = np.zeros((n, n))
    block = np.empty((min(width, FEATURES_AT_ONCE), n))
    for begin in range(0, width, FEATURES_AT_ONCE):
        length = min(width - begin, FEATURES_AT_ONCE)
        for i in range(n):
            sample = features[order[i]]
            for k in range(length):
                block[k, i] = scale * sample[begin + k]
        _add_squares(block[:length], squared)
    tallest = np.zeros(n)
    for i in range(n):
        for j in range(i + 1, n):
            tallest[j] = max(tallest[j], squared[i, j])
    longest = tallest.max() if n > 1 else 0.0
    unit = longest if longest > 0 else 1.0
    for i in range(n):
        squared[i, i] = 0.0
        for j in range(i + 1, n):
            squared[i, j] /= unit
    for begin in range(0, n, TILE):
        for i in range(begin, n):
            for j in range(begin, min(begin + TILE, i)):
                squared[i, j] = squared[j, i]
    return squared


@compiled
def _add_squares(features: Array, squared: Array) -> None:
    """Add what features (d, n) contribute to the upper triangle, four rows and two features at a time.

    Differences are squared one by one. A product of matrices would lose digits where samples are near.
    """
    width, n = features.shape
    for i in range(0, n - n % 4, 4):
        w, x, y, z = squared[i, i:], squared[i + 1, i:], squared[i + 2, i:], squared[i + 3, i:]
        for k in range(0, width - 1, 2):
            near, far = features[k, i:], features[k + 1, i:]
            p0, q0, r0, s0 = near[0], near[1], near[2], near[3]
            p1, q1, r1, s1 = far[0], far[1], far[2], far[3]
            for j in range(n - i):
                first, second = near[j], far[j]
                w[j] += (p0 - first) ** 2 + (p1 - second) ** 2
                x[j] += (q0 - first) ** 2 + (q1 - second) ** 2
                y[j] += (r0 - first) ** 2 + (r1 - second) ** 2
                z[j] += (s0 - first) ** 2 + (s1 - second) ** 2
        for k in range(width - width % 2, width):
            near = features[k, i:]
            p0, q0, r0, s0 = near[0], near[1], near[2], near[3]
            for j in range(n - i):
                first = near[j]
                w[j] += (p0 - first) ** 2
                x[j] += (q0 - first) ** 2
                y[j] += (r0 - first) ** 2
                z[j] += (s0 - first) ** 2
    for i in range(n - n % 4, n):
        w = squared[i, i:]
        for k in range(width):
            near = features[k, i:]
            p0 = near[0]
            for j in range(n - i):
                w[j] += (p0 - near[j]) ** 2
