"""What the findings of phantom patients tell, and what little of a picture already tells.

``python -m benchmarks.ceilings [--write results/ceilings.csv]``, some minutes on one core; nothing
of the program's own models is trained. Ceilings: boosted trees on the findings of a modality, of
both at once (`joint`), on the first two's out-of-fold probabilities (`stack`), and the product of
the first two (`product`). Floors: the same trees on six colour numbers and on thumbnails of
pictures, trained at training sites and judged at held-out ones.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

from fed.config import resolve
from fed.data.clinic_phantoms import ClinicSource
from fed.data.phantom.clinic import DISEASES, as_recorded, draw_patient, eye_of
from fed.data.phantom.clinic.patient import GRADES
from fed.data.phantom.clinic.reading import (
    PHOTOGRAPH,
    VOLUME,
    as_read,
    read_photograph,
    read_volume,
)

TRAINING, JUDGED = 3000, 2000
"""Patients, of two eyes each."""
RESAMPLES = 100
BOTH = "grade"
"""What is graded in the clinic that sees both diseases."""
THICKNESS = 4
"""The first findings of a volume are of thickness alone."""

Array = NDArray[np.float64]


class Eyes(NamedTuple):
    """Findings of both modalities and labels of eyes; two by two they are a patient's."""

    photograph: Array
    volume: Array
    labels: NDArray[np.int64]


class Row(NamedTuple):
    """One line of the table, in points; `low` and `high` bound 95 % of a difference."""

    graded: str
    findings: str
    by: str
    auc: float
    balanced_accuracy: float
    low: float | None = None
    high: float | None = None


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a CSV file")
    target = parser.parse_args().write
    rows: list[Row] = []
    for row in _all():
        rows.append(row)
        print(*row, sep="\t", flush=True)
    if target is not None:
        write(rows, target)


def _all() -> Iterator[Row]:
    """Yield everything of the clinic that sees both diseases, and the ceilings of either alone."""
    for graded in DISEASES:
        yield from ceilings(graded)
    yield from thickness(BOTH)
    yield from floors(BOTH)


def write(rows: list[Row], target: Path) -> None:
    """Write the table as CSV."""
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows([["" if value is None else value for value in row] for row in rows])


def page(source: Path) -> str:
    """Return a stored table as Markdown, AUC and balanced accuracy by what is graded."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cells = {(row["findings"], row["by"], row["graded"]): _cell(row) for row in rows}
    lines = dict.fromkeys((row["findings"], row["by"]) for row in rows)
    head = ["findings", "by", *(f"`{graded}`" for graded in DISEASES)]
    table = [head, ["---"] * len(head)]
    for line in lines:
        table.append([*line, *(cells.get((*line, graded), "") for graded in DISEASES)])
    return "\n".join(f"| {' | '.join(row)} |" for row in table) + "\n"


def _cell(row: dict[str, str]) -> str:
    """Return AUC, its bounds where there are some, and balanced accuracy."""
    bounds = f" [{_rounded(row['low'])}, {_rounded(row['high'])}]" if row["low"] else ""
    return f"{_rounded(row['auc'])}{bounds} / {_rounded(row['balanced_accuracy'])}"


def _rounded(value: str) -> str:
    return f"{float(value):z.1f}"


def ceilings(graded: str) -> Iterator[Row]:
    """Yield what findings tell, as they are and as readers note them."""
    true = _drawn(graded)
    yield from _combined(graded, "true", *true)
    yield from _combined(graded, "as read", *_noted(*true))


def thickness(graded: str) -> Iterator[Row]:
    """Yield what readers' findings tell where of OCT they note the thickness alone."""
    train, judged = (
        eyes._replace(volume=eyes.volume[:, :THICKNESS]) for eyes in _noted(*_drawn(graded))
    )
    yield from _combined(graded, "as read, of OCT thickness alone", train, judged)


def floors(graded: str) -> Iterator[Row]:
    """Yield what colour and thumbnails tell of pictures on devices never seen."""
    train, judged = _pictures(graded, "clinic"), _pictures(graded, "unseen")
    views: dict[str, Callable[[Pictures], Array]] = {
        "six colour numbers": lambda p: _colours(p.fundus),
        "thumbnails of photographs": lambda p: _shrunk(p.fundus, (3, 8, 8)),
        "thumbnails of volumes": lambda p: _shrunk(p.volumes, (4, 8, 8)),
        "both thumbnails": lambda p: np.hstack(
            [_shrunk(p.fundus, (3, 8, 8)), _shrunk(p.volumes, (4, 8, 8))]
        ),
    }
    for name, view in views.items():
        scores = _trees().fit(view(train), train.labels).predict_proba(view(judged))
        yield Row(graded, "pictures", name, *_scored(judged.labels, scores))


def _combined(graded: str, findings: str, train: Eyes, judged: Eyes) -> Iterator[Row]:
    both_train = np.hstack([train.photograph, train.volume])
    both_judged = np.hstack([judged.photograph, judged.volume])
    photograph = _trees().fit(train.photograph, train.labels).predict_proba(judged.photograph)
    volume = _trees().fit(train.volume, train.labels).predict_proba(judged.volume)
    joint = _trees().fit(both_train, train.labels).predict_proba(both_judged)
    product = photograph * volume  # over even proportions of the grades, which cancel
    product /= product.sum(axis=1, keepdims=True)
    out_of_fold = np.hstack(
        [
            cross_val_predict(_trees(), x, train.labels, cv=4, method="predict_proba")
            for x in (train.photograph, train.volume)
        ]
    )
    stack = _trees().fit(out_of_fold, train.labels)
    scores = {
        "photograph": photograph,
        "OCT": volume,
        "product": product,
        "stack": stack.predict_proba(np.hstack([photograph, volume])),
        "joint": joint,
    }
    for name, score in scores.items():
        yield Row(graded, findings, name, *_scored(judged.labels, score))
    auc, accuracy, low, high = _difference(judged.labels, joint, product)
    yield Row(graded, findings, "joint - product", auc, accuracy, low, high)


def _difference(
    labels: NDArray[np.int64], one: Array, other: Array
) -> tuple[float, float, float, float]:
    """Return differences in both metrics, with the bounds of that in AUC, over patients."""
    pairs = labels.reshape(-1, 2)
    random = np.random.default_rng(3)
    drawn = []
    for _ in range(RESAMPLES):
        patients = random.integers(len(pairs), size=len(pairs))
        eyes = (2 * patients[:, None] + np.arange(2)).ravel()
        drawn.append(_scored(labels[eyes], one[eyes])[0] - _scored(labels[eyes], other[eyes])[0])
    first, second = _scored(labels, one), _scored(labels, other)
    low, high = np.quantile(drawn, [0.025, 0.975]).round(2).tolist()
    return round(first[0] - second[0], 2), round(first[1] - second[1], 2), low, high


def _drawn(graded: str) -> tuple[Eyes, Eyes]:
    """Draw the findings that trees are trained and judged on."""
    return _eyes(graded, TRAINING, 0, noisy=True), _eyes(graded, JUDGED, 1, noisy=False)


def _noted(train: Eyes, judged: Eyes) -> tuple[Eyes, Eyes]:
    """Return the same findings as readers note them."""
    random = np.random.default_rng(2)
    first, second = (
        eyes._replace(
            photograph=as_read(eyes.photograph, PHOTOGRAPH, random),
            volume=as_read(eyes.volume, VOLUME, random),
        )
        for eyes in (train, judged)
    )
    return first, second


def _eyes(graded: str, patients: int, seed: int, noisy: bool) -> Eyes:
    """Draw the findings of patients; `noisy` labels are those of one grader."""
    random = np.random.default_rng(seed)
    photographs, volumes, labels = [], [], []
    even = np.full(GRADES, 1 / GRADES)
    for _ in range(patients):
        patient = draw_patient(even, DISEASES[graded], random)
        for right in (True, False):
            eye = eye_of(patient, right, random)
            photographs.append(read_photograph(eye))
            volumes.append(read_volume(eye))
            labels.append(as_recorded(eye.grade, random) if noisy else eye.grade)
    return Eyes(np.array(photographs), np.array(volumes), np.array(labels))


class Pictures(NamedTuple):
    """Pictures of all sites of a group."""

    fundus: NDArray[np.uint8]
    volumes: NDArray[np.uint8]
    labels: NDArray[np.int64]


def _pictures(graded: str, group: str) -> Pictures:
    """Draw 2400 eyes at 20 training sites, or 1200 at 10 held-out ones."""
    both = {"modalities": ["fundus", "oct"], "cases": 120, "labels": "natural"}
    config = resolve(
        {
            "data": {"version": 2, "label": graded},
            "task": {"classes": ["none", "early", "intermediate", "late"]},
            "sites": [
                {"name": "clinic", "count": 20} | both,
                {"name": "unseen", "count": 10, "role": "held_out"} | both,
            ],
        }
    )
    source = ClinicSource(config)
    opened = [source.open(site.name) for site in source.sites if site.group == group]
    fundus = [cases.images.fundus(i) for cases in opened for i in range(len(cases))]
    volumes = [cases.images.oct(i) for cases in opened for i in range(len(cases))]
    labels = np.concatenate([cases.labels() for cases in opened])
    return Pictures(np.stack(fundus), np.stack(volumes), labels)


def _colours(fundus: NDArray[np.uint8]) -> Array:
    """Return mean and deviation of each colour: ``(n, 6)``."""
    pixels = fundus.reshape(len(fundus), 3, -1).astype(np.float64)
    return np.hstack([pixels.mean(axis=2), pixels.std(axis=2)])


def _shrunk(images: NDArray[np.uint8], size: tuple[int, int, int]) -> Array:
    """Return block means of images ``(n, a, b, c)`` brought to `size`, flat."""
    n, *shape = images.shape
    blocks = [
        part for large, small in zip(shape, size, strict=True) for part in (small, large // small)
    ]
    return images.reshape(n, *blocks).mean(axis=(2, 4, 6)).reshape(n, -1)


def _trees() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=150,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        random_state=0,
    )


def _scored(labels: NDArray[np.int64], scores: Array) -> tuple[float, float]:
    auc = roc_auc_score(labels, scores, multi_class="ovr")
    accuracy = balanced_accuracy_score(labels, scores.argmax(axis=1))
    return round(100 * float(auc), 2), round(100 * float(accuracy), 2)


if __name__ == "__main__":
    sys.exit(main())
