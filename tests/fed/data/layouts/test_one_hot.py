from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fed.data.layouts.one_hot import read_one_hot
from fed.errors import DataError

Write = Callable[..., None]
NAMES = [("non", "early"), ("label1", "label2")]


def test_numbers_and_text_are_the_same_cases(tmp_path: Path, sheet: Write) -> None:
    rows: list[list[Any]] = [[1, 1, 0], ["0002", 0, 1], [3.0, "1", "0"], [4, 0.0, 1.0], [None] * 3]
    sheet(tmp_path / "a.xlsx", ["data", "label1", "label2"], rows)
    assert read_one_hot(tmp_path / "a.xlsx", NAMES) == {1: 0, 2: 1, 3: 0, 4: 1}


@pytest.mark.parametrize(
    ("row", "trouble"),
    [
        (["scan", 1, 0], "line 3: 'scan' is no case number"),
        ([None, 1, 0], "line 3: None is no case number"),
        ([2.5, 1, 0], "line 3: 2.5 is no case number"),
        ([2, 1, 1], "line 3: case 2 is not of exactly one class"),
        ([2, 0, 0], "line 3: case 2 is not of exactly one class"),
        ([2, 0.4, 0.6], "line 3: case 2 is not of exactly one class"),
        ([2, 1, None], "line 3: case 2 is not of exactly one class"),
        ([1, 0, 1], "line 3: case 1 is there already"),
    ],
)
def test_a_row_that_is_no_label_is_refused(
    row: list[Any], trouble: str, tmp_path: Path, sheet: Write
) -> None:
    path = tmp_path / "a.xlsx"
    sheet(path, ["data", "non", "early"], [[1, 1, 0], row])
    with pytest.raises(DataError) as caught:
        read_one_hot(path, NAMES)
    assert str(caught.value) == f"{path}: 1 bad rows: {trouble}"


def test_of_many_bad_rows_ten_are_named_and_the_rest_counted(tmp_path: Path, sheet: Write) -> None:
    sheet(tmp_path / "a.xlsx", ["data", "non", "early"], [[k, 0, 0] for k in range(12)])
    with pytest.raises(DataError, match=r"12 bad rows: line 2: .*; line 11: [^;]*; and 2 more$"):
        read_one_hot(tmp_path / "a.xlsx", NAMES)


@pytest.mark.parametrize(
    "header", [["data", "non"], ["data", "non", "early", "mid_advanced"], ["id", "non", "early"]]
)
def test_other_columns_are_refused(header: list[str], tmp_path: Path, sheet: Write) -> None:
    sheet(tmp_path / "a.xlsx", header, [[1, 1, 0, 0][: len(header)]])
    with pytest.raises(DataError, match="allowed: data, non, early or data, label1, label2"):
        read_one_hot(tmp_path / "a.xlsx", NAMES)


def test_a_truncated_a_wrong_and_an_absent_sheet_are_refused(tmp_path: Path, sheet: Write) -> None:
    path = tmp_path / "a.xlsx"
    with pytest.raises(DataError, match="cannot be read"):
        read_one_hot(path, NAMES)
    sheet(path, ["data", "non", "early"], [[1, 1, 0]])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="damaged or truncated"):
        read_one_hot(path, NAMES)
    path.write_text("data,non,early\n1,1,0\n")
    with pytest.raises(DataError, match="damaged or truncated"):
        read_one_hot(path, NAMES)
