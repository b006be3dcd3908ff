"""A batch of couplings on a CPU, one problem after the other, each by one call of compiled code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import fused
from .gromov import Solution
from .problems import PaddedProblems
from .projection import Potentials


class _Sorted(NamedTuple):
    """One problem without what weighs nothing, rows and columns sorted by class."""

    row_order: np.ndarray
    column_order: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    blocks: np.ndarray

    @classmethod
    def of(cls, lx: np.ndarray, ly: np.ndarray, a: np.ndarray, b: np.ndarray) -> _Sorted:
        row_order, column_order = _by_label(lx, a), _by_label(ly, b)
        rows, columns = _offsets(lx[row_order]), _offsets(ly[column_order])
        sizes = np.diff(rows) * np.diff(columns)
        blocks = np.concatenate([[0], np.cumsum(sizes)])
        return cls(row_order, column_order, rows, columns, blocks)

    def flat(self, plan: np.ndarray) -> np.ndarray:
        """Return a plan's blocks, flat."""
        plan = plan[self.row_order[:, None], self.column_order]
        return np.concatenate([plan[at].ravel() for at in self.slices()])

    def write(self, blocks: np.ndarray, plan: np.ndarray) -> None:
        """Write flat blocks to their places in a plan."""
        ends = self.blocks
        for (rows, columns), begin, end in zip(self.slices(), ends[:-1], ends[1:], strict=True):
            here = np.ix_(self.row_order[rows], self.column_order[columns])
            plan[here] = blocks[begin:end].reshape(rows.stop - rows.start, -1)

    def slices(self) -> list[tuple[slice, slice]]:
        """Return where each class lies among the sorted rows and columns."""
        pairs = zip(self.rows[:-1], self.rows[1:], self.columns[:-1], self.columns[1:], strict=True)
        return [(slice(r0, r1), slice(c0, c1)) for r0, r1, c0, c1 in pairs]


def solve(
    batch: PaddedProblems,
    eps: float,
    *,
    tolerance: float,
    max_steps: int,
    start: tuple[Tensor, Potentials] | None = None,
) -> Solution:
    """Do what `gromov.solve` does; on several threads if torch has them and there are problems."""
    count = len(batch.sizes)
    arrays = [tensor.detach().numpy() for tensor in (batch.D1, batch.D2, batch.a, batch.b)]
    labels = batch.lx.numpy(), batch.ly.numpy()
    plan = np.zeros(batch.same.shape)
    row, column = (np.full(side.shape, -np.inf) for side in arrays[2:])
    steps, converged = np.empty(count, np.int64), np.empty(count, np.bool_)
    sweeps: list[tuple[int, ...]] = [()] * count

    def one(k: int) -> None:
        D1, D2, a, b = (array[k] for array in arrays)
        order = _Sorted.of(labels[0][k], labels[1][k], a, b)
        at, to = order.row_order, order.column_order
        # The cost's part that the marginals decide: it moves potentials only.
        row_cost, column_cost = np.square(D1) @ a / eps, np.square(D2) @ b / eps
        blocks, f, g = np.empty(order.blocks[-1]), np.empty(len(at)), np.empty(len(to))
        if start is not None:
            blocks = order.flat(start[0][k].numpy())
            f = (start[1].row[k, :, 0].numpy() - row_cost)[at]
        taken = np.empty(max_steps, np.int64)
        steps[k], converged[k] = fused.couple(
            D1[at[:, None], at],
            D2[to[:, None], to],
            a[at],
            b[to],
            order.rows,
            order.columns,
            order.blocks,
            blocks,
            f,
            g,
            taken,
            eps,
            tolerance,
            start is not None,
        )
        order.write(blocks, plan[k])
        row[k, at], column[k, to] = f + row_cost[at], g + column_cost[to]
        sweeps[k] = tuple(taken[: steps[k]].tolist())

    threads = min(torch.get_num_threads(), count)
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, range(count)))
    else:
        for k in range(count):
            one(k)
    potentials = Potentials(torch.from_numpy(row)[..., None], torch.from_numpy(column)[:, None])
    solved = torch.from_numpy(plan), potentials, torch.from_numpy(steps)
    return Solution(*solved, torch.from_numpy(converged), tuple(sweeps))


def _by_label(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return where there is weight, sorted by label."""
    present = weights.nonzero()[0]
    return present[labels[present].argsort(kind="stable")]


def _offsets(labels: np.ndarray) -> np.ndarray:
    """Return where each of the sorted labels begins, and their number."""
    changes = (np.diff(labels) != 0).nonzero()[0] + 1
    return np.concatenate([[0], changes, [len(labels)]])
