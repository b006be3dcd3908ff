"""From the features and labels that a caller holds to one padded, checked batch of problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .distances import distances
from .projection import Potentials

if TYPE_CHECKING:
    from .coupling import Coupling, Problem


@dataclass(frozen=True, slots=True)
class PaddedProblems:
    """B problems in float64, padded to the largest; padding and left-out classes weigh nothing.

    `D1` (B, n, n) and `D2` (B, m, m) are the normalised distances; `a` (B, n) and `b` (B, m) the
    marginals; `lx` (B, n) and `ly` (B, m) the labels, and `same` (B, n, m) tells where they agree.
    `sizes`, `dtypes` and `left_out` hold one entry a problem.
    """

    D1: Tensor
    D2: Tensor
    a: Tensor
    b: Tensor
    lx: Tensor
    ly: Tensor
    same: Tensor
    sizes: tuple[tuple[int, int], ...]
    dtypes: tuple[torch.dtype, ...]
    left_out: tuple[tuple[int, ...], ...]

    def pad_starts(self, starts: Sequence[Coupling]) -> tuple[Tensor, Potentials]:
        """Return the plans and potentials of `starts`, padded like the batch."""
        plan = torch.zeros_like(self.same, dtype=torch.float64)
        row, column = torch.zeros_like(self.a), torch.zeros_like(self.b)
        for k, (start, (n, m)) in enumerate(zip(starts, self.sizes, strict=True)):
            plan[k, :n, :m] = start.plan.detach()
            row[k, :n], column[k, :m] = start.potentials
        row = torch.where(torch.isfinite(row), row, 0.0)
        return plan, Potentials(row[..., None], column[:, None])


def check(problems: Sequence[Problem], starts: Sequence[Coupling] | None = None) -> None:
    """Refuse problems whose shapes do not fit, and starts that do not fit them.

    Raises
    ------
    ValueError
        Naming the argument, and the problem where there are several.
    """
    for k, problem in enumerate(problems):
        _check_shapes(problem, _name(k, problems))
    if starts is not None:
        shapes = [tuple(start.plan.shape) for start in starts]
        sizes = [(len(problem.X), len(problem.Y)) for problem in problems]
        if shapes != sizes:
            raise ValueError(f"the starts have plans of shape {shapes}; the problems are {sizes}")


def assemble(problems: Sequence[Problem]) -> PaddedProblems:
    """Pad checked problems into a batch.

    Raises
    ------
    ValueError
        On weights or features that are not finite, and on no label in common.
    """
    sizes = tuple((len(p.X), len(p.Y)) for p in problems)
    lx = _pad_labels([p.lx for p in problems], max(n for n, _ in sizes))
    ly = _pad_labels([p.ly for p in problems], max(m for _, m in sizes))
    a = _pad_weights([p.a for p in problems], [n for n, _ in sizes], lx)
    b = _pad_weights([p.b for p in problems], [m for _, m in sizes], ly)
    refuse_weights(a, "a")
    refuse_weights(b, "b")
    same = lx[:, :, None] == ly[:, None, :]
    weight = same.to(a.dtype)
    rows = (a > 0) & ((weight @ b[..., None])[..., 0] > 0)
    columns = (b > 0) & ((weight.mT @ a[..., None])[..., 0] > 0)
    a = a * rows
    total = a.sum(-1, keepdim=True)
    if not bool((total > 0).all()):
        k = int((total[:, 0] > 0).logical_not().nonzero()[0])
        raise no_common_label(problems[k], _name(k, problems))
    a = a / total
    b = b * columns
    class_mass = (weight.mT @ a[..., None])[..., 0]
    class_weight = ((ly[:, :, None] == ly[:, None, :]).to(b.dtype) @ b[..., None])[..., 0]
    b = b * class_mass / torch.where(columns, class_weight, 1.0)
    left_out = tuple(_left_out(problem, rows[k], columns[k]) for k, problem in enumerate(problems))
    return PaddedProblems(
        distances([p.X for p in problems], rows, "X"),
        distances([p.Y for p in problems], columns, "Y"),
        a,
        b,
        lx,
        ly,
        same,
        sizes,
        tuple(result_dtype(p.X, p.Y) for p in problems),
        left_out,
    )


def result_dtype(X: Tensor, Y: Tensor) -> torch.dtype:
    """Return the wider type of the two, at least float32."""
    wider = torch.promote_types(X.dtype, Y.dtype)
    return torch.promote_types(wider, torch.float32)


def refuse_weights(weights: Tensor, name: str) -> None:
    """Refuse weights that are negative or not finite."""
    if not bool((weights >= 0).all() & torch.isfinite(weights).all()):
        raise ValueError(f"the weights {name} must be finite and not negative")


def no_common_label(problem: Problem, where: str) -> ValueError:
    """Return the error on two sides without a class that both hold."""
    left, right = _labels(problem.lx), _labels(problem.ly)
    return ValueError(f"no label in common{where}: X has {left}, Y has {right}")


def _name(k: int, problems: Sequence[Problem]) -> str:
    return f" in problem {k}" if len(problems) > 1 else ""


def _labels(labels: Tensor) -> list[int]:
    return sorted(set(labels.tolist()))


def _left_out(problem: Problem, rows: Tensor, columns: Tensor) -> tuple[int, ...]:
    lx, ly = problem.lx.tolist(), problem.ly.tolist()
    taken = {label for label, kept in zip(lx, rows.tolist(), strict=False) if kept}
    taken |= {label for label, kept in zip(ly, columns.tolist(), strict=False) if kept}
    return tuple(sorted({*lx, *ly} - taken))


def _check_shapes(problem: Problem, where: str) -> None:
    sides = (
        ("X", "lx", "a", problem.X, problem.lx, problem.a),
        ("Y", "ly", "b", problem.Y, problem.ly, problem.b),
    )
    for name, label, weight, features, labels, weights in sides:
        if features.ndim != 2 or not features.is_floating_point() or 0 in features.shape:
            raise ValueError(
                f"{name}{where} is {features.dtype} of shape {tuple(features.shape)};"
                " it must be floating point, (samples, features), and not empty"
            )
        if labels.shape != features.shape[:1] or labels.is_floating_point():
            raise ValueError(
                f"{label}{where} is {labels.dtype} of shape {tuple(labels.shape)};"
                f" it must hold one integer for each of the {len(features)} rows of {name}"
            )
        if weights is not None and weights.shape != features.shape[:1]:
            raise ValueError(
                f"{weight}{where} has shape {tuple(weights.shape)};"
                f" it must hold one weight for each of the {len(features)} rows of {name}"
            )


def _pad_labels(labels: Sequence[Tensor], longest: int) -> Tensor:
    padded = labels[0].new_zeros(len(labels), longest, dtype=torch.int64)
    for k, held in enumerate(labels):
        padded[k, : len(held)] = held
    return padded


def _pad_weights(weights: Sequence[Tensor | None], sizes: Sequence[int], like: Tensor) -> Tensor:
    padded = like.new_zeros(like.shape, dtype=torch.float64)
    for k, (weight, size) in enumerate(zip(weights, sizes, strict=True)):
        padded[k, :size] = 1.0 if weight is None else weight.detach()
    return padded
