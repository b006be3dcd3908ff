"""The benchmark of the server's sums goes its whole way on small updates."""

from benchmarks import fold


def test_both_reductions_are_timed() -> None:
    rows = fold.measure(0.01, turns=1)
    assert [row.reduction for row in rows] == ["mean", "norm_bounded"]
    assert all(row.lowest <= row.whole <= row.highest for row in rows)
