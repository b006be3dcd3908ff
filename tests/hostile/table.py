"""The table of `docs/trust.md`: every reply of the catalogue, and what the run says of it.

`python -m tests.hostile.table` runs the federation inline and on Ray, and writes the table.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile.catalogue import attacks
from tests.hostile.federation import plan, refusals, run

PAGE = Path("docs/trust.md")
COMMAND = "python -m tests.hostile.table"
BEGIN, END = "<!-- table of hostile replies -->", "<!-- end of the table -->"
TITLES = {
    "card": "Cards: the site is not let in",
    "statistics": "Class statistics",
    "train": "Updates",
    "sums": "Sums of features",
    "evaluate": "Scores",
}


def table(found: Mapping[str, str]) -> str:
    """Return the table in Markdown: a row a reply, with the reason that the round records."""
    parts = [f"{len(found)} of {len(attacks())} replies are refused, inline and on Ray alike."]
    for exchange, title in TITLES.items():
        own = [attack.name for attack in attacks() if attack.on == exchange]
        rows = [
            f"| {_cell(name.removeprefix(f'{exchange}: '))} | {_cell(found[name])} |"
            for name in own
            if name in found
        ]
        parts.append(
            "\n".join([f"### {title}", "", "| reply | refused with |", "|---|---|", *rows])
        )
    return "\n\n".join(parts)


def between(page: str) -> str:
    """Return what stands between the marks of a page."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def write() -> None:
    """Run the catalogue on both engines and write the table.

    Raises
    ------
    SystemExit
        If the engines do not agree.
    """
    planned = plan()
    with TemporaryDirectory() as folder:
        found = []
        for engine in ("inline", "ray"):
            run(Path(folder) / engine, planned, engine)
            found.append(refusals(Path(folder) / engine, planned))
    if found[0] != found[1]:
        sys.exit("inline and Ray refuse for different reasons")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(found[0])}\n{END}{after}")


def _cell(words: str) -> str:
    return "`" + words.replace("|", "/").replace("`", "'") + "`"


if __name__ == "__main__":
    write()
