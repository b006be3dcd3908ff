"""Any collection of eyes that a CSV file lists.

Columns: ``case_id``; ``fundus`` and ``oct``, paths relative to the file, either of them empty; the
label column that ``data.label`` names. Optional: ``patient_id``, which is the case id where absent
or empty; ``laterality``; any other, for ``data.site_column``.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fed.config import Config
from fed.data.rows import Collection, Row, RowsSource
from fed.errors import DataError, nearest


class ManifestSource(RowsSource):
    """The sites of a configuration, with the eyes of a manifest divided among them."""

    def __init__(self, config: Config) -> None:
        collection, self.unlabelled = read_manifest(config)
        """Rows left out because their label is empty."""
        super().__init__(config, collection)


def read_manifest(config: Config, own: bool = False) -> tuple[Collection, int]:
    """Read the manifest of a configuration.

    Parameters
    ----------
    own : bool
        Whether it is the manifest of one site, where ``data.site_column`` may be left out.

    Returns
    -------
    Collection
        The labelled eyes.
    int
        The number of rows without a label, which are left out.

    Raises
    ------
    DataError
        Naming the file, the line and the value that is wrong, and what is allowed.
    """
    path = Path(config.data.path or "")
    needed = ["case_id", "fundus", "oct", config.data.label]
    if config.data.site_column and not own:
        needed += config.data.site_column
    numbers = _label_numbers(config.task.classes)
    rows: list[tuple[int, Row]] = []
    unlabelled = 0
    for line, cells in _lines(path, needed):
        label = cells[config.data.label]
        if not label:
            unlabelled += 1
        elif label not in numbers:
            raise DataError(
                f"{path}, line {line}: {config.data.label} is {label!r}; "
                f"allowed: {', '.join(numbers)}, or empty where unknown"
            )
        else:
            rows.append((line, _row(path, line, cells, numbers[label])))
    if not rows:
        raise DataError(
            f"{path}: no usable row: {unlabelled} in all, none with a label in column "
            f"{config.data.label!r}"
        )
    _one_label_an_eye(path, rows, config.task.classes)
    return Collection(config.task.classes, tuple(row for _, row in rows)), unlabelled


def _lines(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells of each row that is not blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: the manifest cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a UTF-8 text file; a CSV file is expected") from None
    if not text.strip():
        raise DataError(f"{path}: the manifest is empty")
    first, _, _ = text.partition("\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    header = [name.strip() for name in next(reader)]
    for name in needed:
        if header.count(name) > 1:
            raise DataError(f"{path}: two columns are named {name!r}")
        if name not in header:
            raise DataError(f"{path}: no column {name!r}{nearest(name, header, 'The columns are')}")
    for cells in reader:
        if len(cells) > len(header):
            raise DataError(
                f"{path}, line {reader.line_num}: {len(cells)} cells, more than the header's "
                f"{len(header)}"
            )
        if any(cell.strip() for cell in cells):
            padded = [cell.strip() for cell in cells] + [""] * (len(header) - len(cells))
            yield reader.line_num, dict(zip(header, padded, strict=True))


def _label_numbers(classes: Sequence[str]) -> dict[str, int]:
    """Map what a label may be to its class: the names and, unless names are numbers, positions."""
    numbers = {name: position for position, name in enumerate(classes)}
    if not any(name.lstrip("+-").isdigit() for name in classes):
        numbers |= {str(position): position for position in range(len(classes))}
    return numbers


def _row(path: Path, line: int, cells: Mapping[str, str], label: int) -> Row:
    if not cells["case_id"]:
        raise DataError(f"{path}, line {line}: case_id is empty")
    fundus, oct_ = (path.parent / cells[m] if cells[m] else None for m in ("fundus", "oct"))
    return Row(
        case_id=cells["case_id"],
        patient_id=cells.get("patient_id") or cells["case_id"],
        label=label,
        fundus=fundus,
        oct=oct_,
        attributes=dict(cells),
    )


def _one_label_an_eye(path: Path, rows: Sequence[tuple[int, Row]], classes: Sequence[str]) -> None:
    """Refuse two labels for one eye: one patient and laterality, where the manifest has both."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for line, row in rows:
        side = row.attributes.get("laterality", "")
        first, label = seen.setdefault((row.patient_id, side.upper()), (line, row.label))
        if label != row.label:
            eye = f"patient {row.patient_id}" + (f", eye {side}" if side else "")
            raise DataError(
                f"{path}: {eye} has two labels, {classes[label]!r} in line {first} and "
                f"{classes[row.label]!r} in line {line}; "
                + ("an eye has one" if side else "without a laterality, a patient has one")
            )
