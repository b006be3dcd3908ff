from collections.abc import Callable
from pathlib import Path

import pytest

from fed.data.layouts.tables import known, table
from fed.errors import DataError


def rows(path: Path, text: str, *needed: str) -> list[tuple[int, dict[str, str]]]:
    path.write_text(text, encoding="utf-8")
    return list(table(path, needed))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_dialects_blank_lines_and_trailing_columns(tmp_path: Path, delimiter: str) -> None:
    text = "\ufeffname,grade ,,\r\n\r\na,1,,\r\nb\r\n".replace(",", delimiter)
    assert rows(tmp_path / "t.csv", text, "name", "grade") == [
        (3, {"name": "a", "grade": "1"}),
        (4, {"name": "b", "grade": ""}),
    ]


def test_a_row_is_known_by_its_first_line(tmp_path: Path) -> None:
    text = 'name,note\na,"one\ntwo"\nb,x\n'
    assert [line for line, _ in rows(tmp_path / "t.csv", text, "name")] == [2, 4]


def test_columns_in_other_case_unless_one_is_as_asked(tmp_path: Path) -> None:
    assert rows(tmp_path / "t.csv", "Case_ID\na\n", "case_id") == [(2, {"case_id": "a"})]
    ((_, cells),) = rows(tmp_path / "t.csv", "Grade,grade\n1,2\n", "grade")
    assert cells["grade"] == "2"
    with pytest.raises(DataError, match="two columns are named 'grade'"):
        rows(tmp_path / "t.csv", "Grade,GRADE\n1,2\n", "grade")


def test_sheets_are_tables_too(tmp_path: Path, sheet: Callable[..., None]) -> None:
    sheet(tmp_path / "t.xlsx", ["ID", "Level ", None], [[7, 2.0, None], [None, None], ["8", "x"]])
    assert list(table(tmp_path / "t.xlsx", ["ID", "level"])) == [
        (2, {"ID": "7", "level": "2"}),
        (4, {"ID": "8", "level": "x"}),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the table is empty"),
        ("a,b\n1,2,3\n", "line 2: 3 cells, more than the header's 2"),
        ("b\n1\n", "no column 'a'"),
        ('a\n"x\n', "line 2: a quote is opened and not closed"),
        ('a,b\n1,2\n"x"y,1\n', "line 3: text follows a closing quote"),
        ("a\n" + "x" * 131_073, "line 2: a cell of more than 131,072 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        rows(tmp_path / "t.csv", text, "a")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words_for_what_is_not_known() -> None:
    assert [known(cell) for cell in ("NA", "nan", " NaN ", "<NA>", "null", "#N/A", "")] == [""] * 7
    assert [known(cell) for cell in ("none", "0", "North")] == ["none", "0", "North"]
