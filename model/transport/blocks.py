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
def share_classes(
    lx: Integers,
    ly: Integers,
    a: Array,
    b: Array,
    row_order: Integers,
    column_order: Integers,
    rows: Integers,
    columns: Integers,
    row_mass: Array,
    column_mass: Array,
    left_out: Integers,
) -> tuple[int, int, int, int]:
    """Sort by class what has weight and is of a class that both sides hold.

    Parameters
    ----------
    lx, ly : (n,), (m,)
        Labels.
    a, b : (n,), (m,)
        Weights, not negative.
    row_order, column_order : (n,), (m,)
        Written: where the n' rows and m' columns that take part are.
    rows, columns : (min(n, m) + 1,)
        Written: where the K classes begin among them, and their number.
    row_mass, column_mass : (n,), (m,)
        Written: the masses of those that take part, of sum one; a class has the mass of its rows on
        either side.
    left_out : (n + m,)
        Written: the L labels that take no part.

    Returns
    -------
    n', m', K, L
    """
    n, m = len(lx), len(ly)
    by_label_x, by_label_y = np.argsort(lx, kind="mergesort"), np.argsort(ly, kind="mergesort")
    rows[0], columns[0] = 0, 0
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
    for k in range(row):
        row_mass[k] /= total
    for k in range(column):
        column_mass[k] /= total
    return row, column, shared, left


@compiled
def distances(
    features: NDArray[np.floating], order: Integers, scale: float, squared: Array
) -> float:
    """Write squared distances over the largest, and return the largest.

    Parameters
    ----------
    features : (n, d)
        Of any floating type; sums are in float64.
    order : (n',)
        The samples, in the order wanted.
    scale
        What the features are multiplied by.
    squared : (n', n')
        Written; zeros where all samples are equal.

    Returns
    -------
    float
        NaN where a feature is not finite: then a sample is not even at distance 0 from itself.
    """
    n, width = len(order), features.shape[1]
    squared[:] = 0.0
    block = np.empty((min(width, FEATURES_AT_ONCE), n))
    for begin in range(0, width, FEATURES_AT_ONCE):
        length = min(width - begin, FEATURES_AT_ONCE)
        for i in range(n):
            sample = features[order[i]]
            for k in range(length):
                block[k, i] = scale * sample[begin + k]
        _add_squares(block[:length], squared)
    own, tallest = 0.0, np.zeros(n)
    for i in range(n):
        own += squared[i, i]
        for j in range(i + 1, n):
            tallest[j] = max(tallest[j], squared[i, j])
    longest = tallest.max() if own == 0 else np.nan
    unit = longest if longest > 0 else 1.0
    for i in range(n):
        for j in range(i + 1, n):
            squared[i, j] /= unit
    for begin in range(0, n, TILE):
        for i in range(begin, n):
            for j in range(begin, min(begin + TILE, i)):
                squared[i, j] = squared[j, i]
    return longest


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
