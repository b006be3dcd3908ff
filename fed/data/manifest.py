"""Any collection of eyes that a CSV file lists.

Columns: ``case_id``; ``fundus`` and ``oct``, paths relative to the file, either of them empty; the
label column that ``data.label`` names. Optional: ``patient_id``, which is the case id where absent
or empty; ``laterality``; any other, for ``data.site_column``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fed.config import Config
from fed.config.data import numbers, plain
from fed.data.account import LABEL_NOT_MAPPED, WITHOUT_LABEL
from fed.data.collection import Collection, Row
from fed.data.layouts.tables import cell, known, table
from fed.errors import DataError

EYE = ("patient_id", "laterality")
"""Columns that a manifest may have beside those it needs."""


def read_manifest(config: Config, own: bool = False) -> Collection:
    """Read the manifest of a configuration, in the classes of its task.

    Parameters
    ----------
    own : bool
        Whether it is the manifest of one site, where ``data.site_column`` may be left out.

    Raises
    ------
    DataError
        Naming the file, the line and the value that is wrong, and what is allowed.
    """
    path = Path(config.data.path or "")
    needed = ["case_id", "fundus", "oct", config.data.label]
    if config.data.site_column and not own:
        needed += config.data.site_column
    mapped = config.data.labels
    classes = numbers(config.task.classes)
    allowed = classes if mapped is None else {k: classes[name] for k, name in mapped.items()}
    rows: list[tuple[int, Row]] = []
    left_out: Counter[str] = Counter()
    for line, cells in table(path, needed):
        label = _label(cells[config.data.label], allowed)
        if not label:
            left_out[WITHOUT_LABEL] += 1
        elif label in allowed:
            rows.append((line, _row(path, line, cells, allowed[label])))
        elif mapped is not None:
            left_out[LABEL_NOT_MAPPED] += 1
        else:
            raise DataError(
                f"{path}, line {line}: {config.data.label} is {label!r}; "
                f"allowed: {', '.join(allowed)}, or empty where unknown"
            )
    if not rows:
        why = (
            ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "the table ends"
        )
        raise DataError(
            f"{path}: no usable row: {sum(left_out.values())} in all, none with a label in column "
            f"{config.data.label!r} ({why})"
        )
    _one_label_an_eye(path, rows, config.task.classes)
    return Collection(config.task.classes, tuple(row for _, row in rows), left_out)


def _label(cell: str, allowed: Mapping[str, int]) -> str:
    """Return a label as it is known; nothing where a program wrote that there is none."""
    return cell if cell in allowed else known(plain(cell))


def _row(path: Path, line: int, cells: dict[str, str], label: int) -> Row:
    if not cells["case_id"]:
        raise DataError(f"{path}, line {line}: case_id is empty")
    eye = {name: known(cell(cells, name)) for name in EYE}
    fundus, oct_ = (
        path.parent / known(cells[m]) if known(cells[m]) else None for m in ("fundus", "oct")
    )
    return Row(
        case_id=cells["case_id"],
        patient_id=eye["patient_id"] or cells["case_id"],
        label=label,
        fundus=fundus,
        oct=oct_,
        attributes={**cells, "laterality": eye["laterality"]},
    )


def _one_label_an_eye(path: Path, rows: Sequence[tuple[int, Row]], classes: Sequence[str]) -> None:
    """Refuse two labels for one eye, where the manifest tells a patient's eyes apart."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for line, row in rows:
        side = row.attributes["laterality"]
        if not side:
            continue
        first, label = seen.setdefault((row.patient_id, side.upper()), (line, row.label))
        if label != row.label:
            raise DataError(
                f"{path}: patient {row.patient_id}, eye {side} has two labels, {classes[label]!r} "
                f"in line {first} and {classes[row.label]!r} in line {line}; an eye has one"
            )
