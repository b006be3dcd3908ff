"""Say how exact the transport is, against the published solver and against POT.

    python -m benchmarks.transport_accuracy [--golden DIR] [--write]

DIR holds outputs of the published solver (``*.npz``; tests/model/test_transport_golden.py says what
is in them). Without it, only the comparisons that need none are made. ``--write`` puts all of them
into results/transport_accuracy.csv and the tables of docs/transport.md. Needs the extra ``dev``.
"""

from __future__ import annotations

import argparse
import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import ot
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.transport import feature_plan, labelled_coupling
from model.transport.features import standardised
from model.transport.published import published_coupling, published_plan

from .transport import EPS, draw_problem

ROOT = Path(__file__).parents[1]
RESULTS, DOCUMENT = ROOT / "results/transport_accuracy.csv", ROOT / "docs/transport.md"
MARKED = re.compile(
    rf"(<!-- from results/{RESULTS.name}: (release|POT) -->\n).*?(<!-- end -->)", re.DOTALL
)
# The comparisons with the release, as the columns of the document name them.
COLUMNS = {
    "faithful coupling, float64": "faithful T, float64, max",
    "faithful features, float64": "faithful P, float64, max",
    "faithful coupling, float32": "faithful T, float32, L1",
    "faithful features, float32": "faithful P, float32, L1",
    "corrected against published": "corrected T from the published T, L1",
}


class Error(NamedTuple):
    """One row: what was compared, on what, the measure, and its largest value."""

    comparison: str
    problems: str
    measure: str
    value: float


def against_release(folder: Path) -> Iterator[Error]:
    """Compare the faithful mode with the golden files, and say what the corrections change."""
    for path in sorted(folder.glob("*.npz")):
        golden = dict(np.load(path))
        X, Y, lx, ly = (torch.from_numpy(golden[key]) for key in ("X", "Y", "lx", "ly"))
        X, Y = X.double(), Y.double()
        file = f"{path.stem.split('_')[0]}: {_counts(lx, ly)}; {X.shape[1]}, {Y.shape[1]}"
        forth = published_coupling(X, Y, lx, ly)
        yield Error("faithful coupling, float64", file, "max", _max(forth.plan, golden["T"]))
        short = published_coupling(X.float(), Y.float(), lx, ly).plan
        yield Error("faithful coupling, float32", file, "L1", _l1(short, golden["T"]))
        if "Tv" in golden:
            plan = published_plan(X, Y, torch.from_numpy(golden["T"])).plan
            yield Error("faithful features, float64", file, "max", _max(plan, golden["Tv"]))
            plan = published_plan(X.float(), Y.float(), short).plan
            yield Error("faithful features, float32", file, "L1", _l1(plan, golden["Tv"]))
        ours = labelled_coupling(X, Y, lx, ly).plan
        yield Error("corrected against published", file, "L1", _l1(ours, golden["T"]))


def against_pot() -> Iterator[Error]:
    """Compare the corrected mode with POT, run to 1e-12, on problems of one class."""
    couplings, plans, marginals, transposes = [], [], [], []
    for seed in range(3):
        X, Y, lx, ly = draw_problem(16, 24, 40, seed)[:4]
        X, Y = X.double(), Y.double()
        one = torch.zeros_like(lx)
        D1, D2 = (ot.dist(Z.numpy()) for Z in (X, Y))
        expected = ot.gromov.entropic_gromov_wasserstein(
            D1 / D1.max(),
            D2 / D2.max(),
            epsilon=2 * EPS,
            tol=1e-12,
            max_iter=5000,
            numItermax=20000,
            stopThr=1e-12,
        )
        couplings.append(_l1(labelled_coupling(X, Y, one, one, eps=EPS).plan, expected))
        uniform = torch.full((len(X),), 1 / len(X)).double()
        SX, SY = (standardised(Z, uniform).numpy() for Z in (X, Y))
        M = (SX**2).mean(0)[:, None] + (SY**2).mean(0) - 2 * SX.T @ SY / len(X)
        expected = ot.sinkhorn(
            [], [], M / M.max(), EPS, method="sinkhorn_log", stopThr=1e-12, numItermax=20000
        )
        plans.append(_l1(feature_plan(X, Y, torch.diag(uniform), eps=EPS).plan, expected))
        labelled = labelled_coupling(X, Y, lx, ly, eps=EPS).plan
        back = labelled_coupling(Y, X, ly, lx, eps=EPS).plan
        marginals.append(float((labelled.sum(1) - 1 / len(X)).abs().max()))
        transposes.append(_l1(back.T, labelled.numpy()))
    yield Error(
        "corrected coupling, one class, against POT", "3 of 16 samples", "L1", max(couplings)
    )
    yield Error("corrected features against POT", "3 of 24 x 40 features", "L1", max(plans))
    yield Error("row marginals, labelled", "3 of 16 samples", "max", max(marginals))
    yield Error("the two directions, labelled", "3 of 16 samples", "L1", max(transposes))


def with_tables(text: str, rows: Sequence[Error]) -> str:
    """Return a document whose marked tables say what `rows` say."""
    tables = {"release": release_table, "POT": pot_table}
    return MARKED.sub(lambda found: found[1] + tables[found[2]](rows) + found[3], text)


def release_table(rows: Iterable[Error]) -> str:
    """Return the comparisons with the release in Markdown, a line a file."""
    files: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.comparison in COLUMNS:
            files.setdefault(row.problems, {})[row.comparison] = row.value
    lines = [
        [
            file,
            *(_figure(values[name]) if name in values else "the release fails" for name in COLUMNS),
        ]
        for file, values in files.items()
    ]
    return _markdown(["file: class counts; dims", *COLUMNS.values()], lines)


def pot_table(rows: Iterable[Error]) -> str:
    """Return the other comparisons in Markdown."""
    others = [row for row in rows if row.comparison not in COLUMNS]
    lines = [
        [f"{row.comparison}, {row.problems}", row.measure, _figure(row.value)] for row in others
    ]
    return _markdown(["comparison", "measure", "largest"], lines)


def read(path: Path) -> list[Error]:
    """Return the rows that `main` wrote."""
    with path.open(newline="") as file:
        return [Error(*line[:-1], float(line[-1])) for line in list(csv.reader(file))[1:]]


def _markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in (header, rule, *lines))


def _figure(value: float) -> str:
    return f"{value:.1e}".replace("e-0", "e-").replace("e+00", "")


def _counts(lx: Tensor, ly: Tensor) -> str:
    sides = []
    for labels in (lx, ly):
        counted = Counter(labels.tolist())
        sides.append(",".join(str(counted[label]) for label in sorted(counted)))
    return " and ".join(dict.fromkeys(sides))


def _max(plan: Tensor, expected: NDArray[np.float64]) -> float:
    return float(np.abs(plan.numpy() - expected).max())


def _l1(plan: Tensor, expected: NDArray[np.float64]) -> float:
    return float(np.abs(plan.double().numpy() - expected).sum())


def main() -> None:
    """Compare, print, and write the table where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", type=Path, help="folder of outputs of the published solver")
    parser.add_argument("--write", action="store_true", help="write the results and the document")
    options = parser.parse_args()
    if options.write and not options.golden:
        parser.error("--write needs --golden: the document holds those comparisons too")
    warnings.filterwarnings("ignore", module="ot")
    rows = []
    for row in chain(against_release(options.golden) if options.golden else (), against_pot()):
        print(f"{row.comparison:44} {row.problems:24} {row.measure:4} {row.value:9.1e}", flush=True)
        rows.append(row)
    if options.write:
        with RESULTS.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Error._fields)
            writer.writerows((*row[:-1], f"{row.value:.2e}") for row in rows)
        DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), read(RESULTS)))


if __name__ == "__main__":
    main()
