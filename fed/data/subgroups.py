"""The columns that a model is judged by, group by group."""

from collections.abc import Iterable, Mapping, Sequence

from fed.data.collection import Row
from fed.errors import ConfigError, nearest

MOST_GROUPS = 20
SPLIT = "split"


def groups_of(row: Row, columns: Sequence[str]) -> Mapping[str, str]:
    """Return the group of an eye in each column; nothing where it is not known."""
    return {column: row.place((column,)) or "" for column in columns}


def check_columns(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Refuse columns that no eye has, or that are no groups.

    Parameters
    ----------
    rows : iterable of Row
        Of all sources.
    columns : sequence of str
        ``evaluation.subgroups``.

    Raises
    ------
    ConfigError
        Naming the column, and those that there are.
    """
    if not columns:
        return
    values: dict[str, set[str]] = {}
    for row in rows:
        for column in (*row.attributes, *([SPLIT] if row.split else [])):
            values.setdefault(column, set()).add(row.place((column,)) or "")
    if not values:
        raise ConfigError(
            "evaluation.subgroups: phantom eyes have no columns; allowed: [], or a source of real eyes"
        )
    for column in columns:
        if column not in values:
            hint = nearest(column, sorted(values))
            raise ConfigError(f"evaluation.subgroups: no eye has a column {column!r}{hint}")
        groups = values[column] - {""}
        if not 1 <= len(groups) <= MOST_GROUPS:
            raise ConfigError(
                f"evaluation.subgroups: column {column!r} has {len(groups)} values; allowed: 1 to "
                f"{MOST_GROUPS}. Ages and the like go into a column of classes first"
            )
