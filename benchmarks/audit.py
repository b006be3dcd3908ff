"""What an attacker tells of the patients of a finished run, with and without a budget of privacy.

``python simulate.py configs/studies/audited.yaml --out runs/evidence/audited``, then
``python -m benchmarks.audit``: a row a run and attack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.study_runs import arguments, read, t_interval, table, write
from fed.results import Estimate, Run
from fedrima.audit import Audit, audit_run

HEADS = ("epsilon", "seed", "attack", "value", "low", "high", "unseen")
STUDY = Path("runs/evidence/audited")
OFF = "off"


def main() -> None:
    """Attack the runs, write the table, and print what it says."""
    parser = arguments(__doc__, Path("results/audit.csv"))
    parser.set_defaults(folder=STUDY)
    asked = parser.parse_args()
    write(asked.write, HEADS, rows_of(asked.folder))
    print(page(asked.write))


def rows_of(folder: Path) -> Iterator[Sequence[Any]]:
    """Yield the rows of the table."""
    for path in sorted(folder.glob("*/results.json")):
        run, found = Run.load(path.parent), audit_run(path.parent)
        epsilon = OFF if found.epsilon is None else f"{found.epsilon:g}"
        for attack, estimate, unseen in attacks(found):
            place = (epsilon, run.results.seed, attack)
            yield (*place, estimate.value, estimate.low, estimate.high, unseen)


def attacks(found: Audit) -> Iterator[tuple[str, Estimate, float | None]]:
    """Yield each attack, what it found, and what it finds of unseen eyes."""
    yield "membership, final model", found.membership_model, 0.5
    yield "membership, an update", found.membership_update, 0.5
    for modality, inverted in found.inversion.items():
        name = modality if modality == "fundus" else modality.upper()
        yield f"{name} prototypes, nearest", inverted.nearest_is_trained, 0.5
        unseen = inverted.distance_unseen.value
        yield f"{name} prototypes, distance", inverted.distance_trained, unseen


def page(source: Path) -> str:
    """Return the stored table as Markdown: the mean over seeds with its interval, by epsilon."""
    stored = read(source)
    epsilons = list(dict.fromkeys(row["epsilon"] for row in stored))
    epsilons.sort(key=lambda epsilon: (epsilon != OFF, epsilon))
    lines = []
    for attack in dict.fromkeys(row["attack"] for row in stored):
        line = [attack]
        for epsilon in epsilons:
            rows = [r for r in stored if (r["attack"], r["epsilon"]) == (attack, epsilon)]
            mean, low, high = t_interval([float(row["value"]) for row in rows])
            unseen = sum(float(row["unseen"]) for row in rows) / len(rows)
            line += [f"{mean:.2f} [{low:.2f}, {high:.2f}]", f"{unseen:.2f}"]
        lines.append(line)
    heads = ["attack"]
    for epsilon in epsilons:
        words = "no budget" if epsilon == OFF else f"epsilon {epsilon}"
        heads += [f"{words} [95 % over seeds]", "without a leak"]
    return table(heads, lines)


if __name__ == "__main__":
    main()
