"""A metric's name stands in its own file, in the schema, in tests, and where it is the subject."""

import ast
from pathlib import Path

from fed.metrics import names

ROOT = Path(__file__).parents[3]
OWN = (
    ROOT / "fed/metrics",
    ROOT / "fed/config",
    # What is judged by one metric by its definition: gains of triage, equity-scaled AUC, a card.
    ROOT / "fed/judgement",
    ROOT / "fed/report/card.py",
)


def test_no_source_file_names_a_metric():
    known = set(names())
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for folder in ("fed", "clients", "server", "model")
        for path in (ROOT / folder).rglob("*.py")
        if not any(path.is_relative_to(own) for own in OWN)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in known
    ]
    assert found == []


def test_no_template_names_a_metric():
    quoted = {f'"{name}"' for name in names()}
    for path in (ROOT / "fed/report/templates").iterdir():
        assert not any(name in path.read_text(encoding="utf-8") for name in quoted), path.name
