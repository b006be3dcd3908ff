"""Every number of a rendered page is one of ``results.json``, or follows from it.

The page is read as it was written. A number that says where it is from (``data-figure``) must be that
figure, to the digit. A cell that is made for a figure must say where it is from, or be a sum or a share
that is worked out anew here. Any other number must be one of the results, or stand in the words
of the report itself.
"""

import ast
import json
import re
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fed.metrics import metric, names
from fed.report import write_report
from fed.report.words import duration, share, size
from fed.results import Run
from tests.fed.report.synthetic import BINARY, SKILL, judged, samples, write_run

ROOT = Path(__file__).parents[3]
NUMBER = re.compile(r"(?<![\w.])\d(?:[\d,]*\d)?(?:\.\d+)?(?:e-\d+)?(?!\w)")
FIGURE_CELLS = ("number", "value", "range", "rests")
"""Classes of elements that hold a figure."""
TICK_DEPTH = 5
"""Groups of a drawing around the label of a tick, which is no figure but the scale."""


@dataclass(frozen=True)
class Piece:
    """A text of the page, and the elements that it stands in, from the outermost."""

    text: str
    path: tuple[tuple[str, dict[str, str]], ...]

    def inside(self, *tags: str) -> bool:
        return any(tag in tags for tag, _ in self.path)

    @property
    def figure(self) -> str | None:
        found = [given["data-figure"] for _, given in self.path if "data-figure" in given]
        return found[-1] if found else None

    @property
    def section(self) -> str:
        return next((given.get("id", "") for tag, given in self.path if tag == "section"), "")

    @property
    def in_a_figure_cell(self) -> bool:
        given = self.path[-1][1].get("class", "").split()
        tag = self.path[-1][0]
        return tag == "dd" or (tag != "th" and any(name in FIGURE_CELLS for name in given))

    @property
    def is_tick(self) -> bool:
        return self.inside("svg") and sum(tag == "g" for tag, _ in self.path) >= TICK_DEPTH


class Page(HTMLParser):
    """Collects the texts of a page."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[Piece] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self._open.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        if data.strip():
            self.pieces.append(Piece(" ".join(data.split()), tuple(self._open)))


COST = {
    "round": 6,
    "virtual_seconds": 1380.0,
    "down_bytes": 48_000_000,
    "up_bytes": 36_000_000,
    "groups": {
        group: {"down_bytes": 16_100_000 + n, "up_bytes": 12_200_000 + n, "busy_seconds": 411.0 + n}
        for n, group in enumerate(("tertiary", "community", "imaging-centre"))
    },
}


def everything(folder: Path) -> dict:
    """Write a run in which all sections have something to say."""
    found = write_run(folder)["held_out"]
    tables = {c: {"auc": {"value": 0.6 + 0.01 * n}} for n, c in enumerate(SKILL)}
    sites = {
        s: {c: {"auc": {"value": 0.7 + 0.01 * n}} for c in SKILL}
        for n, s in enumerate(found["sites"])
    }
    models = {f"community-{n}": {"pooled": tables, "sites": sites} for n in (1, 2)}
    adapted = dict.fromkeys(("unadapted", "bank", "transport"), found["pooled"])
    per_case = {"both": 0.0123, "fundus": 0.0071, "oct": 0.0056}
    time = write_run(folder)["time"] | {"seconds_per_case": {"encoders": per_case}}
    training = ("tertiary-1", "community-2")
    return write_run(
        folder,
        **judged(mix=(68, 10, 12, 10)),
        held_out=found | {"models": models},
        onboarding={"archive": 160, "counts": "known", "pooled": adapted, "sites": {}},
        privacy={
            "epsilon": 8.0,
            "delta": 1e-5,
            "clip": 1.5,
            "sites": {s: {"epsilon": 7.891, "noise_multiplier": 1.234} for s in training},
        },
        kept={"round": 12, "validation": 0.8761, "patience": 2},
        to_accuracy={"metric": "auc", "rounds": {"both": {"0.80": 6}}, "cost": [COST]},
        time=time,
    )


@pytest.fixture(scope="module", params=["four", "two", "judged", "everything"])
def page(request, tmp_path_factory) -> tuple[Run, dict, list[Piece]]:
    folder = tmp_path_factory.mktemp(request.param)
    write = {
        "four": lambda: write_run(folder),
        "two": lambda: write_run(
            folder, classes=BINARY, unseen=1, triage=judged(BINARY, 1)["triage"]
        ),
        "judged": lambda: write_run(folder, **judged(mix=(68, 10, 12, 10))),
        "everything": lambda: everything(folder),
    }[request.param]
    write()
    text = write_report(folder, samples()).read_text(encoding="utf-8")
    results = json.loads((folder / "results.json").read_text())
    pieces = [p for p in Page(text).pieces if not p.inside("style", "pre")]
    return Run.load(folder), results, pieces


def test_a_figure_is_the_one_that_it_says_it_is(page):
    _, results, pieces = page
    figures: dict[str, str] = {}
    for piece in pieces:
        if piece.figure is not None:
            figures.setdefault(piece.figure, piece.text)
            assert piece.text == shown(piece.figure, results), piece.figure
    assert len(figures) > 100


def test_a_cell_for_a_figure_says_where_it_is_from(page):
    """Else it is a sum, or a share, that follows from the results."""
    run, results, pieces = page
    for piece in pieces:
        loose = piece.figure is None and not piece.inside("svg")
        if loose and piece.in_a_figure_cell and NUMBER.search(piece.text):
            assert piece.text in follows(run, results)[piece.section], (piece.section, piece.text)


def test_a_figure_in_a_drawing_is_in_the_results_of_its_section(page):
    run, results, pieces = page
    drawn = [p for p in pieces if p.inside("svg") and not p.is_tick and NUMBER.search(p.text)]
    assert len(drawn) > 30
    for piece in drawn:
        assert piece.text in drawable(run, results)[piece.section], (piece.section, piece.text)


def test_any_other_number_is_one_of_the_results_or_of_the_words(page):
    run, results, pieces = page
    known = numbers_of(results) | numbers_in_words()
    known |= {n for text in follows(run, results)["words"] for n in NUMBER.findall(text)}
    for piece in pieces:
        if piece.figure is None and not piece.inside("svg") and not piece.in_a_figure_cell:
            for number in NUMBER.findall(without_names(piece.text, results)):
                assert number in known, (piece.section, number, piece.text)


def test_a_page_of_other_results_is_caught(tmp_path):
    """Whatever figure is another one: a page against results of which one number differs."""
    results = everything(tmp_path)
    text = write_report(tmp_path, []).read_text(encoding="utf-8")
    figures = {p.figure: p.text for p in Page(text).pieces if p.figure is not None}
    sections = Counter(path.split("/")[0] for path in figures)
    wanted = {"held_out", "sets", "triage", "equipment", "subgroups", "onboarding", "communication"}
    assert set(sections) >= wanted | {"time", "privacy", "to_accuracy"}
    for path, was in figures.items():
        if "n/a" not in was:
            assert shown(path, altered(results, path.split("/"))) != was, path


def shown(path: str, results: dict) -> str:
    """Format a figure of the results anew, from what the file says."""
    found = results
    for step in path.split("/"):
        found = found[int(step) if isinstance(found, list) else step]
    if path.endswith("_bytes"):
        return size(found)
    if path.startswith("time/") or path.endswith("virtual_seconds"):
        return duration(found)
    if path.startswith("privacy/"):
        return f"{found:.2f}"
    if "/enough" in path:
        if isinstance(found, dict):
            return f"{100 * found['low']:.0f}–{100 * found['high']:.0f} %"
        return f"{100 * found:.0f} %" if found is not None else "n/a"
    if path.startswith("equipment/"):
        if isinstance(found, dict):
            return f"{found['low']:.1f} to {found['high']:.1f}"
        return f"{found:.1f}"
    if found is None:
        return "n/a"
    if isinstance(found, int):
        return str(found)
    if isinstance(found, dict) and "cases" in found:
        counts, classes = found["by_class"], results["task"]["classes"]
        first = 1 if len(classes) == 2 else 0
        grades = [f"{n} {c}" for n, c in zip(counts, classes, strict=True)][first:]
        return f"{found['cases']} cases of {found['patients']} patients: {', '.join(grades)}"
    if isinstance(found, dict):
        return f"{found['low']:.3f}–{found['high']:.3f}"
    return f"{found:.3f}"


def altered(content: dict, steps: list[str]) -> dict:
    """Return results of which one figure, and no other, is another one."""
    if not steps:
        return other(content)
    if isinstance(content, list):
        at = int(steps[0])
        return [*content[:at], altered(content[at], steps[1:]), *content[at + 1 :]]
    return content | {steps[0]: altered(content[steps[0]], steps[1:])}


def other(value):
    if isinstance(value, dict):
        return {key: other(part) for key, part in value.items()}
    if isinstance(value, list):
        return [other(part) for part in value]
    return 1.37 * value + 3 if isinstance(value, int | float) else value


def leaves(content) -> list[float]:
    """Return all numbers of some results."""
    if isinstance(content, dict):
        return [n for value in content.values() for n in leaves(value)]
    if isinstance(content, list):
        return [n for value in content for n in leaves(value)]
    if isinstance(content, str):  # a mark such as "0.80", a version
        return []
    return [content] if isinstance(content, int | float) and not isinstance(content, bool) else []


def numbers_of(results: dict) -> set[str]:
    """Return every number of the results, as a report may write it."""
    found: set[str] = set()
    for value in leaves(results):
        size_of = abs(value)
        if isinstance(value, int):
            found |= {str(size_of), f"{size_of:,}"}
        else:
            found |= {f"{size_of:.{digits}f}" for digits in (0, 1, 2, 3)} | {f"{size_of:g}"}
            found |= {f"{100 * size_of:.0f}", f"{100 * size_of:g}", f"{1000 * size_of:.3g}"}
    return found


def numbers_in_words() -> set[str]:
    """Return the numbers that stand in the words of the report, whatever the results."""
    texts = []
    for path in (ROOT / "fed/report/templates").glob("*.html.md"):
        texts.append(re.sub(r"{{.*?}}|{%.*?%}", " ", path.read_text(), flags=re.DOTALL))
    for path in (ROOT / "fed/report").glob("*.py"):
        tree = ast.parse(path.read_text())
        formats = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.FormattedValue) and node.format_spec is not None
            for part in ast.walk(node.format_spec)
        }
        texts += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in formats
        ]
    texts += [getattr(metric(name), "meaning", "") for name in names()]
    return {number for text in texts for number in NUMBER.findall(text)}


def without_names(text: str, results: dict) -> str:
    """Return a text without names, in which there are digits, too."""
    said = [*results["versions"].values(), *(s["name"] for s in results["sites"])]
    said += [s["group"] for s in results["sites"]] + results["task"]["classes"]
    for name in sorted(said, key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def follows(run: Run, results: dict) -> dict[str, set[str]]:
    """Return what sections tell that is no figure of the results, but follows from some."""
    totals = [sum(map(sum, site["cases"].values())) for site in results["sites"]]
    having = [
        sum(sum(n) for c, n in site["cases"].items() if c in ("both", modality))
        for site in results["sites"]
        for modality in ("fundus", "oct")
    ]
    participation: set[str] = set()
    for counts in results["participation"]["groups"].values():
        whole = sum(counts.values())
        apart = {**counts, "missing": counts["absent"] + counts["failed"]}
        participation |= {share(count, whole) for count in apart.values()}
    for cost in results["to_accuracy"]["cost"]:
        participation.add(f"{size(cost['down_bytes'])} / {size(cost['up_bytes'])}")
        for group, spent in cost["groups"].items():
            sites = sum(results["participation"]["groups"][group].values())
            sites /= results["rounds_completed"]
            a_site = (size(spent[f"{way}_bytes"] / sites) for way in ("down", "up"))
            participation |= {" / ".join(a_site), duration(spent["busy_seconds"])}
    roles = Counter(site["role"] for site in results["sites"])
    owners = Counter((s["role"], tuple(s["modalities"])) for s in results["sites"])
    train = [n for n, s in zip(totals, results["sites"], strict=True) if s["role"] == "train"]
    held_out = [n for n, s in zip(totals, results["sites"], strict=True) if s["role"] != "train"]
    numbers = [*totals, *having, *roles.values(), *owners.values(), sum(train), sum(held_out)]
    words = {text for n in numbers for text in (str(n), f"{n:,}")}
    mbit = results["sites"][0]["resources"]
    words |= {f"{mbit['downlink_mbps']:g}", f"{mbit['uplink_mbps']:g}", duration(3.1)}
    words |= {mark for marks in results["to_accuracy"]["rounds"].values() for mark in marks}
    return {
        "federation": {f"{n:,}" for n in [*totals, *having]},
        "participation": participation,
        "words": words,
    } | {section: set() for section in ("", "sets", "triage", "equipment", "subgroups", "models")}


def drawable(run: Run, results: dict) -> dict[str, set[str]]:
    """Return the texts with a number that the drawings of each section may hold."""

    def three(content) -> set[str]:
        return {f"{value:.3f}" for value in leaves(content) if isinstance(value, float)}

    confusion: set[str] = set()
    for condition in run.results.conditions:
        labels, p = run.scored(condition)
        for label in np.unique(labels):
            given = np.bincount(p[labels == label].argmax(axis=1), minlength=p.shape[1])
            confusion |= {str(n) for n in given} | {f"{n / given.sum():.0%}" for n in given}
    sent: set[str] = {duration(seconds) for seconds in results["time"]["wall"].values()}
    groups = Counter(site["group"] for site in results["sites"])
    for group, sites in groups.items():
        own = [s["name"] for s in results["sites"] if s["group"] == group]
        for way in ("down_bytes", "up_bytes"):
            whole = sum(results["communication"]["sites"][name][way] for name in own)
            one = f"{size(whole)}, {size(whole / sites)} a site" if sites > 1 else size(whole)
            sent.add(one)
    equipment = (results["equipment"] or {"sites": {}})["sites"].values()
    return {
        "grading": three(results["held_out"]),
        "subgroups": three(results["subgroups"]) | three(results["held_out"]["pooled"]),
        "sets": three(results["sets"]),
        "equipment": {f"{site['cases']:.0f}" for site in equipment},
        "confusion": confusion,
        "costs": sent,
    } | {section: set() for section in ("learning", "triage", "calibration", "thresholds")}
