"""Who may import whom, and that nobody but its own file knows a part by name."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from fed.config.data import sources
from fed.parts import KINDS, names

ROOT = Path(__file__).parents[1]
PACKAGES = ("model", "fed", "clients", "server", "fedrima")
LAYERS = {  # a package imports those below it in this table, and itself
    "model": (),
    "fed": ("model",),
    "clients": ("fed", "model"),
    "server": ("fed", "model"),
    "fedrima": ("fed", "model", "clients", "server"),
}
FLOWER = ("fed/protocol", "fed/engines", "server/app.py", "clients/app.py")


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
    return ".".join(parts)


def imports(path: Path, at_import: bool = False) -> Iterator[str]:
    """Yield what a module imports; with `at_import` only what it does when it is imported."""

    def visit(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if checked or (at_import and later):
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                yield child.module
                yield from (f"{child.module}.{alias.name}" for alias in child.names)
            yield from visit(child)

    yield from visit(tree(path))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package):
    allowed = (package, *LAYERS[package])
    for path in modules():
        if path.relative_to(ROOT).parts[0] != package:
            continue
        for found in imports(path):
            top = found.split(".")[0]
            assert top not in PACKAGES or top in allowed, f"{path} imports {found}"


def test_phantom_eyes_know_nothing_of_a_federation():
    for path in (ROOT / "fed" / "data" / "phantom").rglob("*.py"):
        ours = {i for i in imports(path) if i.split(".")[0] in PACKAGES}
        assert all(i.startswith(("fed.data.phantom.", "fed.randomness")) for i in ours), ours


def test_reports_and_studies_are_imported_by_nothing_below_them():
    for path in modules():
        parts = path.relative_to(ROOT).parts
        if parts[0] != "fed" or parts[1] in ("report", "study"):
            continue
        for found in imports(path):
            assert not found.startswith(("fed.report", "fed.study")), f"{path} imports {found}"


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("ray", ("fed/engines/ray",)),
        ("yaml", ("fed/config",)),
        ("flwr", FLOWER),
    ],
)
def test_a_library_stays_in_its_rooms(library, rooms):
    for path in modules():
        place = path.relative_to(ROOT).as_posix()
        if any(i.split(".")[0] == library for i in imports(path)):
            assert place.startswith(rooms), f"{place} imports {library}"


def test_no_import_goes_round_in_a_circle():
    known = {name_of(path): path for path in modules()}
    graph = {
        name: {i for i in imports(path, at_import=True) if i in known and i != name}
        for name, path in known.items()
    }
    # Importing a.b runs a's __init__ first; a package that imports its own modules is no circle.
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise AssertionError(" -> ".join([*trail[trail.index(name) :], name]))
        if name in done:
            return
        for found in sorted(graph[name]):
            if not name.startswith(f"{found}."):
                visit(found, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def comparisons(path: Path) -> Iterator[tuple[int, str]]:
    """Yield text that decides something: compared, matched, or a key that is looked up."""
    for node in ast.walk(tree(path)):
        texts: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            texts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            texts = [node.value]
        elif isinstance(node, ast.Subscript):
            texts = [node.slice]
        for text in texts:
            for found in ast.walk(text):
                if isinstance(found, ast.Constant) and isinstance(found.value, str):
                    yield node.lineno, found.value


def test_nobody_decides_by_the_name_of_a_part():
    everyday = {"csv", "mean", "median"}  # a file, columns of tables, `cases: {median: ...}`
    kinds = [kind for kind in KINDS if kind != "source"]
    parts = {name for kind in kinds for name in names(kind)} - everyday
    collections = set(sources()) - {"phantom", "manifest"}
    for path in modules():
        place = path.relative_to(ROOT).as_posix()
        if place.startswith("fed/config/"):
            continue
        for line, text in comparisons(path):
            own = path.stem == text
            assert own or text not in parts | collections, f"{place}:{line} decides by {text!r}"


def test_a_part_that_comes_with_the_program_says_what_it_is():
    for kind in KINDS:
        for name in names(kind):
            assert not name.startswith("_"), f"{kind} {name} is what parts share"
            module = __import__(f"{KINDS[kind].package}.{name}", fromlist=["_"])
            assert module.__doc__, f"{kind} {name}"
