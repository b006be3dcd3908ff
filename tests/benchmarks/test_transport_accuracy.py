"""The tables of docs/transport.md are what results/transport_accuracy.csv says."""

from benchmarks.transport_accuracy import DOCUMENT, RESULTS, Error, read, with_tables

ROWS = [
    Error("faithful coupling, float64", "made_up: 3,3; 8, 12", "max", 2.5e-15),
    Error("row marginals, labelled", "3 of 16 samples", "max", 0.25),
]
TEXT = """before
<!-- from results/transport_accuracy.csv: release -->
old
<!-- end -->
between
<!-- from results/transport_accuracy.csv: POT -->
old
<!-- end -->
after
"""


def test_marked_tables_are_replaced_and_nothing_else():
    made = with_tables(TEXT, ROWS)
    assert "| made_up: 3,3; 8, 12 | 2.5e-15 | the release fails |" in made
    assert "| row marginals, labelled, 3 of 16 samples | max | 2.5e-1 |" in made
    assert [line for line in made.splitlines() if line[0] not in "|<"] == [
        "before",
        "between",
        "after",
    ]
    assert with_tables(made, ROWS) == made


def test_the_document_says_what_was_measured():
    text = DOCUMENT.read_text()
    assert text == with_tables(text, read(RESULTS)), (
        "run `python -m benchmarks.transport_accuracy --golden DIR --write`"
    )
    assert text.count("<!-- from results/transport_accuracy.csv") == 2
