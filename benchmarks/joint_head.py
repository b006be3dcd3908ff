"""Where a head over both modalities pays, by how the block between them is known.

``python -m benchmarks.joint_head --write results/joint_head.csv``, some minutes a seed on one core.
Phantoms of `configs/phantom2.yaml` on frozen pretrained features. Every eye is drawn with both
images; hospitals keep both, clinics the photograph, imaging centres the scan, and held-out eyes are
graded with both. The heads have the same sums of each modality and differ by the covariance between the
modalities within a class:

* `none`: zero, which is what random partners of the same class give. That is the product of the two
  experts (`method: analytic`);
* `pairs`: of the hospitals' eyes;
* `believed`: the share of it that hospitals left out in turn confirm (`method: analytic_joint`);
* `coupled`: of clinics' and imaging centres' eyes, coupled by labelled Gromov-Wasserstein;
* `anchored`: of the same eyes, coupled class by class by how far a scan is from the one that the
  hospitals' predictor expects;
* `complete`: of all eyes, as if every site owned both.

The score is Hand and Till's: the area under the curve of two classes by the difference of their
scores, averaged over the pairs.
"""

import argparse
import csv
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from clients.site import open_site
from fed.config import load
from fed.data.opening import open_source
from fed.initial import initial_model
from model.closed_form import BothSums, ClassSums, CrossSums, solve_head, solve_joint
from model.closed_form.joint import JointProblem, block_between
from model.transport import labelled_coupling
from model.transport.faithful import sinkhorn

SEEDS = (200, 201, 202, 203, 204)
CLASSES = 4
BOTH, CLINICS, CENTRES, HELD_OUT = "tertiary", "community", "imaging-centre", "unseen"
EPS = 0.05
"""Of the anchored coupling, in units of the mean cost."""
BLOCKS = ("none", "pairs", "believed", "coupled", "anchored", "complete")

Array = NDArray[np.float64]


class Eyes(NamedTuple):
    """Features of both modalities and labels of one site's eyes."""

    x: Array
    y: Array
    labels: NDArray[np.int64]


Federation = Mapping[str, Sequence[Eyes]]
"""Sites by group."""


def main() -> None:
    """Run the seeds, write the table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, default=Path("results/joint_head.csv"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    asked = parser.parse_args()
    with asked.write.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seed", "block", "auc"])
        for seed in asked.seeds:
            for block, score in scores(drawn(seed)).items():
                writer.writerow([seed, block, f"{score:.4f}"])
            file.flush()
    print(page(asked.write))


def drawn(seed: int) -> Federation:
    """Draw the federation, every eye with both images, and encode it."""
    torch.set_num_threads(1)
    groups = {f"sites.{i}.modalities": "[fundus,oct]" for i in range(4)}
    encoders = "{fundus: efficientnet_lite0, oct: efficientnet_lite0}"
    small = {"data.volume_size": "[4,32,32]", "model.encoders": encoders}
    settings = {"seed": seed, "method": "analytic", **small, **groups}
    config = load([Path("configs/phantom2.yaml")], [f"{k}={v}" for k, v in settings.items()])
    model = initial_model(config)
    found: dict[str, list[Eyes]] = {}
    for site in open_source(config).sites:
        opened = open_site(config, site.name)
        features = opened.encode_frozen(opened.network(model), np.arange(len(opened.cases.cases)))
        x, y = features.fundus.double().numpy(), features.oct.double().numpy()
        found.setdefault(site.group, []).append(Eyes(x, y, opened.cases.labels()))
    return found


def scores(federation: Federation) -> dict[str, float]:
    """Return the score at held-out eyes with both images, by what the block between is of."""
    own = {group: [_sums(eyes) for eyes in sites] for group, sites in federation.items()}
    x = {group: [both.x for both in own[group]] for group in (BOTH, CLINICS)}
    y = {group: [both.y for both in own[group]] for group in (BOTH, CENTRES)}
    heads = solve_head(x), solve_head(y)
    known = [s for sites in x.values() for s in sites], [s for sites in y.values() for s in sites]
    pairs = block_between(own[BOTH])
    scans_expected = JointProblem.of(*known, pairs, heads).predictors(1.0)[0].weight
    single = _within(federation[CLINICS], 0), _within(federation[CENTRES], 1)
    blocks = {
        "none": None,
        "pairs": pairs,
        "coupled": coupled(*single, None),
        "anchored": coupled(*single, scans_expected),
        "complete": block_between([s for g in (BOTH, CLINICS, CENTRES) for s in own[g]]),
    }
    judged = federation[HELD_OUT]
    labels = np.concatenate([eyes.labels for eyes in judged])
    features = np.concatenate([np.hstack([eyes.x, eyes.y]) for eyes in judged])
    found = {}
    for name, block in blocks.items():
        directions = JointProblem.of(*known, block, heads).directions(1.0)
        found[name] = area(features @ directions.T, labels)
    apart = {str(i): [both] for i, both in enumerate(own[BOTH])}
    found["believed"] = area(features @ solve_joint(x, y, apart, heads).head.weight.T, labels)
    return found


def coupled(
    x: tuple[Array, NDArray[np.int64]], y: tuple[Array, NDArray[np.int64]], weight: Array | None
) -> Array:
    """Return the block between of eyes that no site has both images of, ``(dx, dy)``.

    Parameters
    ----------
    x, y : tuple
        Deviations from the mean of the own class at the own site, and labels.
    weight : ndarray, optional
        ``(dy, dx)``, what `x` lets expect of `y`: partners are those near it. Without, partners lie
        alike among their own kind (labelled Gromov-Wasserstein).
    """
    (x, lx), (y, ly) = x, y
    unit = y.std(axis=0) + 1e-3 * y.std()
    block, mass = np.zeros((x.shape[1], y.shape[1])), 0.0
    for k in sorted(set(lx) & set(ly)):
        own, other = x[lx == k], y[ly == k]
        if weight is None:
            ones = [torch.zeros(len(values), dtype=torch.long) for values in (own, other)]
            given = torch.from_numpy(own / (x.std(axis=0) + 1e-3 * x.std()))
            plan = labelled_coupling(given, torch.from_numpy(other / unit), *ones).plan.numpy()
        else:
            apart = torch.cdist(*(torch.from_numpy(v / unit) for v in (own @ weight.T, other)))
            cost = apart.square()
            plan = sinkhorn(cost, EPS * float(cost.mean())).plan.numpy()
        share = len(own) + len(other)
        block += share * own.T @ (plan / plan.sum()) @ other
        mass += share
    return block / mass


def area(scores: Array, labels: NDArray[np.int64]) -> float:
    """Return Hand and Till's area under the curve (Machine Learning, 2001)."""
    areas = []
    for j, k in combinations(np.unique(labels), 2):
        rows = np.isin(labels, (j, k))
        areas.append(roc_auc_score(labels[rows] == k, (scores[:, k] - scores[:, j])[rows]))
    return fmean(areas)


def page(path: Path) -> str:
    """Return the table in points: mean and deviation over seeds, and the difference to the product of experts."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    by = {
        name: {r["seed"]: 100 * float(r["auc"]) for r in rows if r["block"] == name}
        for name in BLOCKS
    }
    lines = ["| block between | AUC | to `none` |", "|---|---|---|"]
    for name, values in by.items():
        gains = [values[seed] - by["none"][seed] for seed in values]
        shown = "" if name == "none" else f"{fmean(gains):+.1f} ± {stdev(gains):.1f}"
        lines.append(f"| `{name}` | {_spread(list(values.values()))} | {shown} |")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.1f} ± {stdev(values):.1f}"


def _sums(eyes: Eyes) -> BothSums:
    alone = (ClassSums.of(values, eyes.labels, CLASSES) for values in (eyes.x, eyes.y))
    return BothSums(*alone, CrossSums.of(eyes.x, eyes.y, eyes.labels, CLASSES))


def _within(sites: Sequence[Eyes], modality: int) -> tuple[Array, NDArray[np.int64]]:
    """Return deviations from the mean of the own class at the own site, and labels."""
    found = []
    for eyes in sites:
        values = eyes[modality]
        means = ClassSums.of(values, eyes.labels, CLASSES).means
        found.append(values - means[eyes.labels])
    return np.concatenate(found), np.concatenate([eyes.labels for eyes in sites])


if __name__ == "__main__":
    main()
