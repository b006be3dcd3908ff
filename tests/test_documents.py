"""Figures in prose are those of the tables, which are generated from `results/`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GENERATED = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
PAGES = ("README.md", "docs/onboarding.md", "docs/transport.md#Where it pays")
FIGURE = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
NOT_PROSE = (
    r"```.*?```",  # commands and files
    r"`[^`]*`",  # keys and their values
    r"<!-- from .*?<!-- end -->",  # tables, which another test compares with their file
    r"\]\([^)]*\)",  # addresses
)
CONVENTIONS = {"0.05"}
"""Significance, which nobody measures."""


def section(text: str, heading: str) -> str:
    """Return what a page says under a heading, up to the next of any level."""
    return text.partition(f"## {heading}\n")[2].partition("\n#")[0]


def figures_in_prose(text: str) -> set[str]:
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return set(FIGURE.findall(text)) - CONVENTIONS


@pytest.mark.parametrize("page", PAGES)
def test_every_decimal_in_prose_is_in_a_generated_table(page: str) -> None:
    name, _, heading = page.partition("#")
    text = (ROOT / name).read_text(encoding="utf-8")
    text = section(text, heading) if heading else text
    assert text, f"{page}: there is no such section"
    unknown = figures_in_prose(text) - set(FIGURE.findall(GENERATED))
    assert not unknown, f"{page}: {sorted(unknown)} are in no table of docs/evidence.md"


def test_figures_are_found_in_prose_and_nowhere_else() -> None:
    text = (
        "It gains 3.4 points (`lr: 0.2`), see [a page](page-1.5.md).\n"
        "<!-- from results/main.csv -->\n| 9.9 |\n<!-- end -->\n"
        "```\npip install x==1.2\n```\nLosing -0.7 by Flower1.41 or 1.2.3.\n"
    )
    assert figures_in_prose(text) == {"3.4", "0.7"}
