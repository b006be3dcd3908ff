"""The coupling of one problem on a CPU, compiled by numba: no operation between two of its loops.

The same iteration as `gromov.solve`, whose tensors suit an accelerator. At the sizes of a training step
an operation of a tensor library costs more than the numbers in it, so that here one call does all.
Rows and columns are sorted by class, and what is zero by the labels is not there: a block a class, row
by row, one after the other in flat arrays (`plan`, `gain`, `kernel`). `gain` is minus the cost over eps
without the part that the marginals decide, which moves potentials and no plan.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .anderson import LARGEST_COEFFICIENTS, MEMORY, RIDGE
from .compilation import compiled
from .gromov import (
    LOOSEST_PRECISION,
    PRECISION_PER_CHANGE,
    TRUSTED_CHANGE,
    TRUSTED_DECREASES,
)
from .projection import LARGEST_STEP, NEWTON_DAMPING, TRUSTED_SWEEPS

MAX_SWEEPS = 5000
TINY = float(np.finfo(np.float64).tiny)
LARGEST_SCALING = 1e100
# What a Newton step of a block with s rows costs, in sweeps: s^2 products a column beside two a row.
NEWTON_SWEEPS_PER_ROW = 0.7
NEWTON_SWEEPS = 6.0

Array = NDArray[np.float64]
Offsets = NDArray[np.int64]


@compiled
def couple(
    D1: Array,
    D2: Array,
    a: Array,
    b: Array,
    rows: Offsets,
    columns: Offsets,
    row_order: Offsets,
    column_order: Offsets,
    full_plan: Array,
    row_potential: Array,
    column_potential: Array,
    sweeps: Offsets,
    eps: float,
    tolerance: float,
    warm: bool,
) -> tuple[int, bool, float]:
    """Iterate the coupling until it stands still.

    Parameters
    ----------
    D1, D2 : (n, n), (m, m)
        Normalised distances, rows and columns sorted by class.
    a, b : (n,), (m,)
        Positive masses that agree in every class.
    rows, columns : (K + 1,)
        Where the classes begin among the rows and the columns.
    row_order, column_order : (n,), (m,)
        Where they are in what follows, which holds those that take no part as well.
    full_plan, row_potential, column_potential : (N, M), (N,), (M,)
        Written; the plan and the rows' potential are where it starts, if `warm`.
    sweeps : (max_steps,)
        Written: the sweeps of every outer step, of the class that took most.
    eps, tolerance
        As in `gromov.solve`.

    Returns
    -------
    steps : int
    converged : bool
    cost : float
        As `gromov.objective`.
    """
    blocks = np.zeros(len(rows), np.int64)
    for c in range(len(rows) - 1):
        blocks[c + 1] = blocks[c] + (rows[c + 1] - rows[c]) * (columns[c + 1] - columns[c])
    plan, gain = np.empty(blocks[-1]), np.empty(blocks[-1])
    # The cost's part that the marginals decide: it moves potentials only.
    row_cost, column_cost = _separable_cost(D1, a, eps), _separable_cost(D2, b, eps)
    f, g = np.empty(len(a)), np.empty(len(b))
    if warm:
        for i in range(len(a)):
            f[i] = row_potential[row_order[i]] - row_cost[i]
        for c in range(len(rows) - 1):
            k = blocks[c]
            for i in range(rows[c], rows[c + 1]):
                for j in range(columns[c], columns[c + 1]):
                    plan[k] = full_plan[row_order[i], column_order[j]]
                    k += 1
    D2_blocks = _column_blocks(D2, columns)
    right = np.empty((len(b), len(a)))
    if warm:
        _right_product(D2_blocks, plan, rows, columns, blocks, right)
    else:
        _products(D2, _unlabelled_start(D1, D2, a, b, eps, f, g), right, 0)
    steps, converged = _iterate(
        D1, D2_blocks, a, b, rows, columns, blocks, plan, gain, right, f, g, sweeps, eps,
        tolerance, warm,
    )  # fmt: skip
    _right_product(D2_blocks, plan, rows, columns, blocks, right)
    _gains(D1, right, rows, columns, blocks, 2 / eps, gain)
    full_plan[:] = 0.0
    row_potential[:] = -np.inf
    column_potential[:] = -np.inf
    for i in range(len(a)):
        row_potential[row_order[i]] = f[i] + row_cost[i]
    for j in range(len(b)):
        column_potential[column_order[j]] = g[j] + column_cost[j]
    cost = 0.0
    for c in range(len(rows) - 1):
        k = blocks[c]
        for i in range(rows[c], rows[c + 1]):
            for j in range(columns[c], columns[c + 1]):
                mass = plan[k]
                full_plan[row_order[i], column_order[j]] = mass
                if mass > 0:
                    relative = math.log(mass / (a[i] * b[j]))
                    cost += eps * mass * (row_cost[i] + column_cost[j] - gain[k] + 2 * relative)
                k += 1
    return steps, converged, cost


@compiled
def _iterate(
    D1: Array,
    D2_blocks: Array,
    a: Array,
    b: Array,
    rows: Offsets,
    columns: Offsets,
    blocks: Offsets,
    plan: Array,
    gain: Array,
    right: Array,
    row_potential: Array,
    column_potential: Array,
    sweeps: Offsets,
    eps: float,
    tolerance: float,
    warm: bool,
) -> tuple[int, bool]:
    """Iterate the blocks of a plan, given ``D2 T'`` of its start; return steps and whether it ended."""
    n, m, size = len(a), len(b), len(plan)
    kernel, image = np.empty(size), np.empty(size)
    u, v, top, work = np.empty(n), np.empty(m), np.empty(m), np.empty(m)
    longest, masses = 0, np.zeros(len(rows) - 1)
    for c in range(len(rows) - 1):
        longest = max(longest, rows[c + 1] - rows[c])
        for i in range(rows[c], rows[c + 1]):
            masses[c] += a[i]
    schur = np.empty((longest, longest))
    images, residuals = np.zeros((MEMORY, size)), np.zeros((MEMORY, size))
    last_image, last_residual, residual = np.empty(size), np.empty(size), np.empty(size)
    gram, weights = np.empty((MEMORY, MEMORY)), np.empty(MEMORY)
    slot, recorded, decreases = 0, False, 0
    last_change = np.inf
    precision = min(LOOSEST_PRECISION, tolerance)
    for step in range(len(sweeps)):
        _gains(D1, right, rows, columns, blocks, 2 / eps, gain)
        error, taken = 0.0, 0
        for c in range(len(rows) - 1):
            r0, r1, c0, c1 = rows[c], rows[c + 1], columns[c], columns[c + 1]
            here = slice(blocks[c], blocks[c + 1])
            block_error, block_sweeps = _project(
                gain[here].reshape(r1 - r0, c1 - c0),
                a[r0:r1],
                b[c0:c1],
                row_potential[r0:r1],
                column_potential[c0:c1],
                image[here].reshape(r1 - r0, c1 - c0),
                kernel[here].reshape(r1 - r0, c1 - c0),
                u[r0:r1],
                v[c0:c1],
                top[c0:c1],
                work,
                schur,
                precision * masses[c],  # A class may err by its share.
            )
            error += block_error
            taken = max(taken, block_sweeps)
        sweeps[step] = taken
        change = np.inf
        if step > 0 or warm:
            change = 0.0
            for k in range(size):
                residual[k] = image[k] - plan[k]
                change += abs(residual[k])
        else:  # The start knows no labels; most of its mass lies elsewhere.
            for k in range(size):
                residual[k] = image[k]
            change = 2.0
        if (change <= tolerance and error <= tolerance) or step == len(sweeps) - 1:
            for k in range(size):
                plan[k] = image[k]
            return step + 1, change <= tolerance and error <= tolerance
        decreases = decreases + 1 if change < last_change else 0
        last_change = change
        if recorded:
            for k in range(size):
                images[slot, k] = image[k] - last_image[k]
                residuals[slot, k] = residual[k] - last_residual[k]
            slot = (slot + 1) % MEMORY
        recorded = True
        for k in range(size):
            last_image[k], last_residual[k], plan[k] = image[k], residual[k], image[k]
        if decreases >= TRUSTED_DECREASES and change < TRUSTED_CHANGE:
            _extrapolate(images, residuals, residual, gram, weights, plan)
        else:
            for i in range(MEMORY):
                for k in range(size):
                    residuals[i, k] = 0.0
        precision = min(
            max(PRECISION_PER_CHANGE * change, PRECISION_PER_CHANGE * tolerance),
            LOOSEST_PRECISION,
        )
        _right_product(D2_blocks, plan, rows, columns, blocks, right)
    return len(sweeps), False


@compiled
def _separable_cost(D: Array, masses: Array, eps: float) -> Array:
    """Return what a side's marginal decides of its costs over eps, ``D^2 a / eps``."""
    costs = np.zeros(len(masses))
    for i in range(len(masses)):
        for k in range(len(masses)):
            costs[i] += D[i, k] * D[i, k] * masses[k]
        costs[i] /= eps
    return costs


@compiled
def _column_blocks(matrix: Array, columns: Offsets) -> Array:
    """Return a matrix flat, the columns of a class after the other's, each block row by row."""
    n = len(matrix)
    flat = np.empty(matrix.size)
    for c in range(len(columns) - 1):
        t = columns[c + 1] - columns[c]
        for i in range(n):
            for j in range(t):
                flat[n * columns[c] + i * t + j] = matrix[i, columns[c] + j]
    return flat


@compiled
def _right_product(
    D2: Array, plan: Array, rows: Offsets, columns: Offsets, blocks: Offsets, right: Array
) -> None:
    """Write ``D2 T'`` (m, n), given the columns of `D2` class by class."""
    m = columns[-1]
    for c in range(len(rows) - 1):
        s, t = rows[c + 1] - rows[c], columns[c + 1] - columns[c]
        _products(
            D2[m * columns[c] : m * columns[c + 1]].reshape(m, t),
            plan[blocks[c] : blocks[c + 1]].reshape(s, t),
            right,
            rows[c],
        )


@compiled
def _gains(
    D1: Array,
    right: Array,
    rows: Offsets,
    columns: Offsets,
    blocks: Offsets,
    factor: float,
    gain: Array,
) -> None:
    """Write ``factor D1 (T D2)`` where mass may go."""
    for c in range(len(rows) - 1):
        s, t = rows[c + 1] - rows[c], columns[c + 1] - columns[c]
        block = gain[blocks[c] : blocks[c + 1]].reshape(s, t)
        _products(D1[rows[c] : rows[c + 1]], right[columns[c] : columns[c + 1]], block, 0)
    for k in range(len(gain)):
        gain[k] *= factor


@compiled
def _products(A: Array, B: Array, out: Array, first: int) -> None:
    """Write ``A B'`` into the columns of `out` from `first` on.

    Every entry is a sum along two rows that lie in memory as they are: four times as fast as a BLAS
    at the sizes of a class, near it at larger ones, and in one thread whatever the process has set.
    """
    n, m, length = A.shape[0], B.shape[0], A.shape[1]
    for i in range(0, n - n % 4, 4):
        for j in range(m):
            w, x, y, z = 0.0, 0.0, 0.0, 0.0
            for k in range(length):
                w += A[i, k] * B[j, k]
                x += A[i + 1, k] * B[j, k]
                y += A[i + 2, k] * B[j, k]
                z += A[i + 3, k] * B[j, k]
            out[i, first + j] = w
            out[i + 1, first + j] = x
            out[i + 2, first + j] = y
            out[i + 3, first + j] = z
    for i in range(n - n % 4, n):
        for j in range(m):
            w = 0.0
            for k in range(length):
                w += A[i, k] * B[j, k]
            out[i, first + j] = w


@compiled
def _unlabelled_start(
    D1: Array, D2: Array, a: Array, b: Array, eps: float, f: Array, g: Array
) -> Array:
    """Return (flat) the plan that the product of the marginals leads to, labels ignored."""
    n, m = len(a), len(b)
    gain, plan, kernel = np.empty((n, m)), np.empty((n, m)), np.empty((n, m))
    for i in range(n):
        near = 0.0
        for k in range(n):
            near += D1[i, k] * a[k]
        for j in range(m):
            gain[i, j] = 2 / eps * near
    for j in range(m):
        far = 0.0
        for k in range(m):
            far += D2[j, k] * b[k]
        for i in range(n):
            gain[i, j] *= far
    for i in range(n):
        f[i] = 0.0
    u, v, top, work = np.empty(n), np.empty(m), np.empty(m), np.empty(m)
    schur = np.empty((n, n))
    _project(gain, a, b, f, g, plan, kernel, u, v, top, work, schur, LOOSEST_PRECISION)
    return plan


@compiled
def _project(
    gain: Array,
    a: Array,
    b: Array,
    f: Array,
    g: Array,
    plan: Array,
    kernel: Array,
    u: Array,
    v: Array,
    top: Array,
    work: Array,
    schur: Array,
    precision: float,
) -> tuple[float, int]:
    """Write the plan ``exp(f + g + gain)`` that meets the marginals, and its potentials.

    Sinkhorn sweeps scale a kernel that holds the rows' potential of the start, shifted so that every
    column holds a one. Where the scalings leave the numbers' range, the sweep is done with
    logarithms, and the kernel made anew. Where sweeps at their present rate would take longer than
    a Newton step on the dual (see `projection`), there is one between two of them.

    Returns
    -------
    error : float
        The L1 error of the columns; the rows are met to rounding.
    sweeps : int
    """
    s, t = gain.shape
    _absorb(gain, b, f, kernel, v, top)
    radius, previous, before_newton = LARGEST_STEP, np.inf, np.inf
    error, newtons = np.inf, 0
    worth = NEWTON_SWEEPS + NEWTON_SWEEPS_PER_ROW * s
    for sweep in range(1, MAX_SWEEPS + 1):
        in_range = True
        for i in range(s):
            mass = 0.0
            for j in range(t):
                mass += kernel[i, j] * v[j]
            u[i] = a[i] / mass if mass > 0 else np.inf
            in_range &= 1 / LARGEST_SCALING < u[i] < LARGEST_SCALING
        if not in_range:
            for j in range(t):
                g[j] = math.log(v[j]) - top[j]
            _row_potential(gain, a, g, f)
            _absorb(gain, b, f, kernel, v, top)
            for i in range(s):
                u[i] = 1.0
            previous = np.inf
            continue
        for j in range(t):
            work[j] = 0.0
        for i in range(s):
            for j in range(t):
                work[j] += u[i] * kernel[i, j]
        error = 0.0
        for j in range(t):
            error += abs(v[j] * work[j] - b[j])
        if error <= precision or sweep == MAX_SWEEPS:
            break
        rate = error / previous
        remaining = np.inf if rate >= 1 else math.log(precision / error) / math.log(rate)
        previous = error
        if sweep > 1 and remaining > worth:
            if newtons >= TRUSTED_SWEEPS:
                radius = min(2 * radius if error <= before_newton else radius / 4, LARGEST_STEP)
            before_newton = error
            newtons += 1
            _newton_step(a, b, kernel, u, v, work, plan, schur, radius)
            previous = np.inf
            for j in range(t):
                work[j] = 0.0
            for i in range(s):
                for j in range(t):
                    work[j] += u[i] * kernel[i, j]
        for j in range(t):
            v[j] = b[j] / work[j]
    for i in range(s):
        f[i] += math.log(u[i])
        for j in range(t):
            plan[i, j] = u[i] * kernel[i, j] * v[j]
    for j in range(t):
        g[j] = math.log(v[j]) - top[j]
    return error, sweep


@compiled
def _absorb(gain: Array, b: Array, f: Array, kernel: Array, v: Array, top: Array) -> None:
    """Write the kernel of a row potential, its columns' shifts, and the scalings that meet them."""
    s, t = gain.shape
    for j in range(t):
        top[j] = -np.inf
        v[j] = 0.0
    for i in range(s):
        for j in range(t):
            top[j] = max(top[j], f[i] + gain[i, j])
    for i in range(s):
        for j in range(t):
            kernel[i, j] = math.exp(f[i] + gain[i, j] - top[j])
            v[j] += kernel[i, j]
    for j in range(t):
        v[j] = b[j] / v[j]


@compiled
def _row_potential(gain: Array, a: Array, g: Array, f: Array) -> None:
    """Write the row potential that meets the rows, by logarithms."""
    for i in range(len(f)):
        highest = -np.inf
        for j in range(len(g)):
            highest = max(highest, g[j] + gain[i, j])
        mass = 0.0
        for j in range(len(g)):
            mass += math.exp(g[j] + gain[i, j] - highest)
        f[i] = math.log(a[i] / mass) - highest


@compiled
def _newton_step(
    a: Array,
    b: Array,
    kernel: Array,
    u: Array,
    v: Array,
    masses: Array,
    plan: Array,
    schur: Array,
    radius: float,
) -> None:
    """Scale `u` by Newton's step of the rows, as `projection` derives it; `plan` is scratch."""
    s, t = kernel.shape
    for i in range(s):
        for j in range(t):
            # sqrt(1 / column sum) on both sides makes the product of the shares symmetric.
            plan[i, j] = u[i] * kernel[i, j] * math.sqrt(v[j] / masses[j])
    step = np.empty(s)
    for i in range(s):
        step[i] = 0.0
        for j in range(t):
            share = plan[i, j] * math.sqrt(v[j] / masses[j])
            step[i] += share * (masses[j] - b[j] / v[j])
    for i in range(s):
        for k in range(i + 1):
            product = 0.0
            for j in range(t):
                product += plan[i, j] * plan[k, j]
            schur[i, k] = -product
        schur[i, i] += a[i] * (1 + NEWTON_DAMPING)
    if _solve_positive(schur, step, s):
        for i in range(s):
            u[i] *= math.exp(min(max(step[i], -radius), radius))


@compiled
def _solve_positive(matrix: Array, solution: Array, size: int) -> bool:
    """Solve a positive system, given its lower triangle, in place; False where it is none."""
    for i in range(size):
        for k in range(i + 1):
            value = matrix[i, k]
            for j in range(k):
                value -= matrix[i, j] * matrix[k, j]
            if k < i:
                matrix[i, k] = value / matrix[k, k]
            elif value > 0:
                matrix[i, i] = math.sqrt(value)
            else:
                return False
    for i in range(size):
        value = solution[i]
        for j in range(i):
            value -= matrix[i, j] * solution[j]
        solution[i] = value / matrix[i, i]
    for i in range(size - 1, -1, -1):
        value = solution[i] / matrix[i, i]
        solution[i] = value
        for j in range(i):
            solution[j] -= matrix[i, j] * value
    return True


@compiled
def _extrapolate(
    images: Array, residuals: Array, residual: Array, gram: Array, weights: Array, plan: Array
) -> None:
    """Move the plan to the mix of remembered images whose residual is smallest (`anderson`)."""
    largest = 0.0
    for i in range(MEMORY):
        weights[i] = 0.0
        for k in range(len(residual)):
            weights[i] += residuals[i, k] * residual[k]
        for j in range(i + 1):
            product = 0.0
            for k in range(len(residual)):
                product += residuals[i, k] * residuals[j, k]
            gram[i, j] = product
        largest = max(largest, gram[i, i])
    for i in range(MEMORY):
        gram[i, i] += max(RIDGE * largest, TINY)
    if not _solve_positive(gram, weights, MEMORY):
        return
    norm = 0.0
    for i in range(MEMORY):
        norm += abs(weights[i])
    if not norm < LARGEST_COEFFICIENTS:
        return
    for i in range(MEMORY):
        for k in range(len(plan)):
            plan[k] -= weights[i] * images[i, k]


if __name__ == "__main__":
    # At installation, so that no run waits for it. Imported by name: this module is `__main__` here.
    import torch

    from .coupling import labelled_coupling

    samples, labels = torch.eye(4), torch.arange(4) % 2
    labelled_coupling(samples, samples, labels, labels)
