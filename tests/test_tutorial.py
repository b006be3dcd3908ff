"""The tutorial: a notebook that runs from its first cell to its last, and shows what it gives."""

import os
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs/tutorial.ipynb"
SECONDS = 1800
"""For one cell, on a busy machine."""
LINES = 12
DECIMAL = re.compile(r"-?\d+\.\d+")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cell) -> str:
    """Return what a cell prints and gives, as text."""
    given = [output.get("text") or output["data"]["text/plain"] for output in cell.outputs]
    return "".join(given)


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_stored_as_it_ran_in_order_and_short(stored):
    nbformat.validate(stored)
    cells = code_cells(stored)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    for cell in cells:
        assert all(output.output_type in ("stream", "execute_result") for output in cell.outputs)
        assert all(set(o.get("data", {})) <= {"text/plain"} for o in cell.outputs)
        assert len(texts(cell).splitlines()) <= LINES
        assert not re.search(r"(^|[\s'\"])/\w", texts(cell)), "a path of this machine"


def test_its_links_lead_to_pages(stored):
    words = "\n".join(cell.source for cell in stored.cells if cell.cell_type == "markdown")
    heads = {
        "#" + head.lower().replace(" ", "-")
        for head in re.findall(r"^## (.*)$", words, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]*)\)", words):
        page = link.partition("#")[0]
        assert link in heads if not page else (ROOT / "docs" / page).exists(), link


@pytest.mark.slow
def test_it_runs_and_gives_what_it_shows(stored, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    again = nbformat.from_dict(stored)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(again, timeout=SECONDS, kernel_name="python3", resources=where).execute()
    for before, after in zip(code_cells(stored), code_cells(again), strict=True):
        shown, found = (DECIMAL.findall(texts(cell)) for cell in (before, after))
        assert DECIMAL.sub("x", texts(after)) == DECIMAL.sub("x", texts(before))
        for one, other in zip(shown, found, strict=True):  # other processors round otherwise
            assert float(one) == pytest.approx(float(other), abs=0.05)
    assert (tmp_path / "runs/own-eyes-fedrima-s0/report.html").exists()
