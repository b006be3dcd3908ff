"""A metric by method and setting: means over seeds, means of bounds, and the mean over settings."""

from fed.study.markdown import crossed_table, settings_table
from fed.study.rows import POOLED, Row


def row(method: str, seed: int, setting: str, *values: float | None, site: str = POOLED) -> Row:
    return Row(method, seed, f"left out={setting}", site, "oct", "auc", *values)


def test_cells_are_means_over_seeds_with_the_means_of_the_bounds() -> None:
    rows = [
        row("one", 100, "a", 0.70, 0.6, 0.8),
        row("one", 101, "a", 0.72, 0.64, 0.8),
        row("one", 100, "a", 0.1, site="a-1"),
        row("one", 100, "b", 0.91, 0.9, 0.92),
        row("other", 100, "b", None),
    ]
    assert settings_table(rows, "oct", "auc").splitlines() == [
        "| method | a | b | mean |",
        "| --- | --- | --- | --- |",
        "| one | 71.0 [62.0, 80.0] | 91.0 [90.0, 92.0] | 81.0 ± 14.1 |",
        "| other | – | – | – |",
    ]
    assert settings_table(rows, "fundus", "auc").splitlines()[2:] == []


def test_a_setting_that_no_method_has_a_value_for_has_no_column() -> None:
    rows = [row("one", 100, "a", 0.70), row("one", 100, "b", None), row("other", 100, "b", None)]
    assert settings_table(rows, "oct", "auc").splitlines()[0] == "| method | a | mean |"


def test_two_factors_are_crossed_with_the_spread_over_seeds() -> None:
    rows = [
        Row(
            "m",
            seed,
            f"left out={source}; epsilon={epsilon}",
            POOLED,
            "oct",
            "auc",
            value + seed / 100,
        )
        for source, base in (("a", 0.5), ("b", 0.7))
        for epsilon, value in (("none", base + 0.1), ("1", base))
        for seed in (0, 1, 2)
    ]
    rows += [Row("m", 0, "left out=c; epsilon=1", POOLED, "oct", "auc", None)]
    assert crossed_table(rows, "oct", "auc").splitlines() == [
        "| epsilon | a | b | mean |",
        "| --- | --- | --- | --- |",
        "| none | 61.0 ± 1.0 | 81.0 ± 1.0 | 71.0 ± 1.0 |",
        "| 1 | 51.0 ± 1.0 | 71.0 ± 1.0 | 61.0 ± 1.0 |",
    ]
