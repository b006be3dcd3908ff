"""The solvers that `benchmarks.transport` compares, each with its tolerances from loose to tight.

A rival gets the features as a site holds them, float32 in torch, and makes distances or costs of them
itself. POT comes with the extra ``dev``. ott-jax and geomloss take part where they are installed:

    pip install ott-jax geomloss
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import ot
import torch
from torch import Tensor

from model.transport import Problem, feature_plan, labelled_couplings
from model.transport.features import standardised

OPTIONAL = {"ott": "ott-jax", "geomloss": "geomloss"}
# No mass crosses a wall at any eps of the grid, and exp(-WALL / eps) is 0 without a warning.
WALL = 1e2
MANY = 10_000
MOST_STEPS = 1000
# ott-jax stops on its cost, to which it allows 1e-8 whatever one asks for: these steps reach further.
OTT_STEPS = {1e-7: 20, 1e-8: 50, 1e-9: 150}

Plans = Sequence[Any]


class Solver(NamedTuple):
    """A solver of several problems at one eps.

    `solve` takes problems, eps and a tolerance; what a tolerance bounds is each solver's own affair,
    so the benchmark takes the first of `tolerances` that reaches the accuracy asked for.
    `same_problem` is False where a solver is shown beside the others but solves another problem;
    `compiled` is True where a call may compile.
    """

    name: str
    solve: Callable[[Sequence[Problem], float, float], Plans]
    tolerances: tuple[float, ...]
    same_problem: bool = True
    compiled: bool = False


def powers(first: int, last: int) -> tuple[float, ...]:
    """Return ``10**first`` down to ``10**last``."""
    return tuple(10.0**k for k in range(first, last - 1, -1))


def absent() -> list[str]:
    """Return the packages of rivals that are not installed."""
    return [name for module, name in OPTIONAL.items() if not importlib.util.find_spec(module)]


def couplings(labelled: bool, batch: bool) -> list[Solver]:
    """Return the solvers of couplings, ours first; POT's loops over classes close the list."""
    solvers = [Solver("this project", ours, powers(-3, -8), compiled=True)]
    pot = pot_fused if labelled else pot_gromov
    name = "POT fused, wall" if labelled else "POT"
    for start in (False, True):
        suffix = ", warm start" if start else ""
        solvers.append(Solver(name + suffix, partial(pot, warmstart=start), powers(-4, -9)))
    on_torch = partial(pot, warmstart=True, convert=torch.from_numpy)
    solvers.append(Solver(f"{name}, on torch, warm start", on_torch, powers(-4, -9)))
    if importlib.util.find_spec("ott"):
        for dtype in ("float32", "float64"):
            together = " vmap" if batch else ""
            solve = partial(ott_gromov, dtype=dtype)
            name = f"ott-jax{together}, {dtype}"
            solvers.append(Solver(name, solve, powers(-3, -9), compiled=True))
    if labelled and not batch:
        loop = partial(pot_per_class, warmstart=True)
        solvers.append(Solver("POT, a loop over classes", loop, (1e-6,), same_problem=False))
    return solvers


def features() -> list[Solver]:
    """Return the solvers of feature plans, ours first, at the type that a site has (float32)."""
    solvers = [
        Solver("this project, float32", our_features, powers(-2, -7)),
        Solver("this project, float64", partial(our_features, dtype=torch.float64), powers(-2, -9)),
        Solver("POT sinkhorn, float64", pot_features, powers(-2, -9)),
        Solver(
            "POT sinkhorn on torch, float64",
            partial(pot_features, convert=torch.from_numpy),
            powers(-2, -9),
        ),
        Solver(
            "POT sinkhorn_log on torch, float32",
            partial(
                pot_features, method="sinkhorn_log", convert=lambda M: torch.from_numpy(M).float()
            ),
            powers(-2, -7),
        ),
    ]
    if importlib.util.find_spec("ott"):
        solvers += [
            Solver(
                f"ott-jax, {dtype}",
                partial(ott_features, dtype=dtype),
                powers(-2, -8),
                compiled=True,
            )
            for dtype in ("float32", "float64")
        ]
    if importlib.util.find_spec("geomloss"):
        solvers.append(Solver("geomloss", geomloss_features, (0.5, 0.7, 0.9, 0.97, 0.99)))
    return solvers


def ours(problems: Sequence[Problem], eps: float, tolerance: float) -> Plans:
    """Couple with `labelled_couplings`; samples of one class are the problem without labels."""
    return [solved.plan for solved in labelled_couplings(problems, eps=eps, tolerance=tolerance)]


def distances(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return both normalised distance matrices as POT computes them."""
    D1, D2 = (ot.dist(Z.double().numpy()) for Z in (problem.X, problem.Y))
    return D1 / (D1.max() or 1.0), D2 / (D2.max() or 1.0)


def wall(problem: Problem) -> np.ndarray:
    """Return the linear cost that keeps every label to itself."""
    return np.where((problem.lx[:, None] == problem.ly).numpy(), 0.0, WALL)


def _pot_settings(tolerance: float, warmstart: bool) -> dict[str, Any]:
    """Return what both of POT's solvers are given: inner sweeps are held to a tenth of the outer."""
    return {
        "symmetric": True,
        "warmstart": warmstart,
        "tol": tolerance,
        "stopThr": tolerance / 10,
        "max_iter": MOST_STEPS,
        "numItermax": MANY,
    }


def pot_gromov(
    problems: Sequence[Problem],
    eps: float,
    tolerance: float,
    *,
    warmstart: bool,
    convert: Callable[[np.ndarray], Any] = np.asarray,
) -> Plans:
    """Couple without labels; POT's `epsilon` is twice ours."""
    plans = []
    for problem in problems:
        D1, D2 = map(convert, distances(problem))
        plans.append(
            ot.gromov.entropic_gromov_wasserstein(
                D1,
                D2,
                epsilon=2 * eps,
                **_pot_settings(tolerance, warmstart),
            )
        )
    return plans


def pot_fused(
    problems: Sequence[Problem],
    eps: float,
    tolerance: float,
    *,
    warmstart: bool,
    convert: Callable[[np.ndarray], Any] = np.asarray,
) -> Plans:
    """Couple with labels; at ``alpha=0.5`` both terms are halved, and POT's `epsilon` is ours."""
    plans = []
    for problem in problems:
        M, D1, D2 = map(convert, (wall(problem), *distances(problem)))
        plans.append(
            ot.gromov.entropic_fused_gromov_wasserstein(
                M,
                D1,
                D2,
                epsilon=eps,
                alpha=0.5,
                **_pot_settings(tolerance, warmstart),
            )
        )
    return plans


def pot_per_class(
    problems: Sequence[Problem], eps: float, tolerance: float, *, warmstart: bool
) -> Plans:
    """Couple every class alone, which loses the distances across classes."""
    plans = []
    for problem in problems:
        plan = np.zeros((len(problem.X), len(problem.Y)))
        for label in problem.lx.unique():
            rows, columns = (problem.lx == label).numpy(), (problem.ly == label).numpy()
            alone = problem._replace(X=problem.X[rows], Y=problem.Y[columns])
            if len(alone.X) == 1:
                solved = np.ones((1, len(alone.Y))) / len(alone.Y)
            else:
                solved = pot_gromov([alone], eps, tolerance, warmstart=warmstart)[0]
            plan[np.ix_(rows, columns)] = solved * rows.mean()
        plans.append(plan)
    return plans


def ott_gromov(problems: Sequence[Problem], eps: float, tolerance: float, *, dtype: str) -> Plans:
    """Couple with ott-jax, jitted, all problems in one call; the compilation is the first call's."""
    jnp, solve = _ott_gromov(len(problems) > 1, OTT_STEPS.get(tolerance, 0))
    sides = [np.stack(side) for side in zip(*map(distances, problems), strict=True)]
    walls = np.stack([wall(problem) for problem in problems])
    arrays = [jnp.asarray(array, dtype) for array in (*sides, walls)]
    if len(problems) == 1:
        return [np.asarray(solve(*(array[0] for array in arrays), eps, tolerance))]
    return list(np.asarray(solve(*arrays, eps, tolerance)))


@cache
def _ott_gromov(batch: bool, least_steps: int) -> tuple[Any, Callable[..., Any]]:
    import jax
    import jax.numpy as jnp
    from ott.geometry.geometry import Geometry
    from ott.problems.quadratic.quadratic_problem import QuadraticProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn
    from ott.solvers.quadratic.gromov_wasserstein import GromovWasserstein

    jax.config.update("jax_enable_x64", True)

    def solve(D1: Any, D2: Any, walls: Any, eps: Any, tolerance: Any) -> Any:
        problem = QuadraticProblem(Geometry(D1), Geometry(D2), Geometry(walls), fused_penalty=1.0)
        inner = Sinkhorn(threshold=tolerance, max_iterations=MANY)
        solver = GromovWasserstein(
            inner,
            epsilon=eps,
            threshold=tolerance / 100,
            min_iterations=least_steps,
            max_iterations=MOST_STEPS,
            warm_start=True,
        )
        return solver(problem).matrix

    return jnp, jax.jit(jax.vmap(solve, (0, 0, 0, None, None)) if batch else solve)


def our_features(
    problems: Sequence[Problem], eps: float, tolerance: float, dtype: torch.dtype = torch.float32
) -> Plans:
    """Match the features of paired samples."""
    plans = []
    for problem in problems:
        X, Y = problem.X.to(dtype), problem.Y.to(dtype)
        identity = torch.eye(len(X), device=X.device)
        plans.append(feature_plan(X, Y, identity, eps=eps, tolerance=tolerance).plan)
    return plans


def matching_costs(problem: Problem) -> np.ndarray:
    """Return the costs of matching features of paired samples, over the largest."""
    X, Y = _standard(problem)
    M = (X**2).mean(0)[:, None] + (Y**2).mean(0)[None] - 2 * X.T @ Y / len(X)
    return M / M.max()


def _standard(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    uniform = torch.full((len(problem.X),), 1 / len(problem.X)).double()
    return tuple(standardised(Z.double(), uniform).numpy() for Z in (problem.X, problem.Y))


def pot_features(
    problems: Sequence[Problem],
    eps: float,
    tolerance: float,
    *,
    method: str = "sinkhorn",
    convert: Callable[[np.ndarray], Any] = np.asarray,
) -> Plans:
    """Match the features by ``ot.sinkhorn``; its kernel underflows in float32 but for its log."""
    plans = []
    for problem in problems:
        M = convert(matching_costs(problem))
        a, b = (M.sum(axis) * 0 + 1 / M.shape[1 - axis] for axis in (1, 0))
        plans.append(ot.sinkhorn(a, b, M, eps, method, stopThr=tolerance, numItermax=MANY))
    return plans


def ott_features(problems: Sequence[Problem], eps: float, tolerance: float, *, dtype: str) -> Plans:
    """Match the features by ott-jax's Sinkhorn, jitted."""
    jnp, solve = _ott_features()
    costs = [jnp.asarray(matching_costs(problem), dtype) for problem in problems]
    return [np.asarray(solve(M, eps, tolerance)) for M in costs]


@cache
def _ott_features() -> tuple[Any, Callable[..., Any]]:
    import jax
    import jax.numpy as jnp
    from ott.geometry.geometry import Geometry
    from ott.problems.linear.linear_problem import LinearProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn

    jax.config.update("jax_enable_x64", True)

    def solve(M: Any, eps: Any, tolerance: Any) -> Any:
        inner = Sinkhorn(threshold=tolerance, max_iterations=MANY)
        return inner(LinearProblem(Geometry(M, epsilon=eps))).matrix

    return jnp, jax.jit(solve)


def geomloss_features(problems: Sequence[Problem], eps: float, scaling: float) -> Plans:
    """Match the features by geomloss, whose only dial is how slowly it lowers its temperature.

    With paired samples the cost of two features is a squared distance, which is what geomloss takes. It
    gives potentials; the plan follows from them. It has no couplings between two spaces, and its
    online backend (KeOps) is for clouds too large for the plan, which is what is asked for here.
    """
    from geomloss import SamplesLoss

    plans = []
    for problem in problems:
        X, Y = (torch.from_numpy(Z.T.copy()) for Z in _standard(problem))
        n = len(problem.X)
        longest = float((torch.cdist(X, Y).square() / n).max())
        # geomloss has |x - y|^2 / 2 and eps = blur^2.
        X, Y = X * (2 / n / longest) ** 0.5, Y * (2 / n / longest) ** 0.5
        loss = SamplesLoss(
            "sinkhorn",
            blur=eps**0.5,
            scaling=scaling,
            debias=False,
            potentials=True,
            backend="tensorized",
        )
        f, g = (potential.flatten() for potential in loss(X, Y))
        cost = torch.cdist(X, Y).square() / 2
        plan = ((f[:, None] + g - cost) / eps).exp() / (len(X) * len(Y))
        plans.append(plan)
    return plans


def as_tensor(plan: Any) -> Tensor:
    """Return a plan of any library as float64 in torch."""
    return torch.as_tensor(np.asarray(plan)).double()
