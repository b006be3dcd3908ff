"""Every collection is a source by being in the package, and has a page; the pages' example runs."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from fed.config import resolve
from fed.config.data import COLLECTIONS, sources
from fed.data.opening import open_source
from tests.fed.data.collections.files import picture

ROOT = Path(__file__).parents[4]
NAMES = sources()[2:]


def test_sources_are_the_modules_of_the_package() -> None:
    modules = {path.stem for path in COLLECTIONS.glob("*.py")} - {"__init__"}
    assert set(NAMES) == modules
    assert len(NAMES) == 13
    assert sources()[:2] == ("phantom", "manifest")


@pytest.mark.parametrize("name", NAMES)
def test_a_collection_has_a_reader_and_a_page(name: str) -> None:
    assert callable(import_module(f"fed.data.collections.{name}").read)
    page = (ROOT / "docs" / "data" / f"{name}.md").read_text()
    assert f"`source: {name}`" in page.splitlines()[0]
    for what in ("**Licence**", "```", "onfirmed"):
        assert what in page, what
    assert f"(data/{name}.md)" in (ROOT / "docs" / "data.md").read_text()


def idrid(root: Path) -> None:
    part = root / "B. Disease Grading"
    for letter, images, name in (("a", "Training", "Training"), ("b", "Testing", "Testing")):
        lines = ["Image name,Retinopathy grade,Risk of macular edema"]
        for number in range(9):
            lines.append(f"IDRiD_{number:03},0,{number % 3}")
            folder = part / "1. Original Images" / f"{letter}. {images} Set"
            picture(folder / f"IDRiD_{number:03}.jpg", 60 + 9 * number)
        sheet = part / "2. Groundtruths" / f"{letter}. IDRiD_Disease Grading_{name} Labels.csv"
        sheet.parent.mkdir(exist_ok=True)
        sheet.write_text("\n".join(lines))


def rahim(root: Path) -> None:
    for k in range(1, 10):
        name = f"DR and maculopathy 10 classes/{k} - class/Patient{k:03}_L.jpg"
        picture(root / name, 60 + 9 * k)


def neh(root: Path) -> None:
    for grade in ("AMD", "DME", "NORMAL"):
        for number in (0, 150, 250):
            picture(root / grade / f"{grade}_{number}.jpeg", 60 + number % 99, (20, 30))


def octdl(root: Path) -> None:
    lines = ["file_name,disease,patient_id,eye"]
    for number, grade in enumerate(("AMD", "DME", "NO", "RVO") * 2):
        picture(root / "OCTDL" / grade / f"{grade.lower()}_{number}_1.jpg", 60 + number, (20, 30))
        lines.append(f"{grade.lower()}_{number}_1,{grade},{number},OD")
    (root / "OCTDL_labels.csv").write_text("\n".join(lines))


def oct2017(root: Path) -> None:
    for number in range(40):
        grade = ("CNV", "DME", "DRUSEN", "NORMAL")[number % 4]
        picture(root / "train" / grade / f"{grade}-{number}-1.jpeg", 60 + number, (20, 30))


def mexico(root: Path) -> None:
    lines = ["case_id,fundus,oct,dme"]
    for number in range(6):
        for modality in ("fundus", "oct"):
            picture(root / f"{number}-{modality}.png", 60 + 5 * number + len(modality), (20, 30))
        lines.append(f"{number},{number}-fundus.png,{number}-oct.png,{number % 2}.0")
    (root / "manifest.csv").write_text("\n".join(lines))


WRITERS: dict[str, Callable[[Path], None]] = {
    "IDRiD": idrid,
    "rahim": rahim,
    "NEH": neh,
    "OCTDL": octdl,
    "OCT2017": oct2017,
    "mexico": mexico,
}


def test_the_federation_of_the_page_reads_source_by_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "data" / "real-federation.md").read_text()
    found = re.search(r"```yaml\n(name: real-sources.*?)```", page, re.DOTALL)
    assert found is not None
    for name, write in WRITERS.items():
        write(tmp_path / "data" / name)
    monkeypatch.chdir(tmp_path)
    federation = yaml.safe_load(found[1])
    federation["data"]["prepared"] = None
    source = open_source(resolve(federation))
    cards = {site.name: source.open(site.name).card(2) for site in source.sites}
    assert {name: (card.modalities, card.total) for name, card in cards.items()} == {
        "mexico": (("fundus", "oct"), 6),
        "idrid": (("fundus",), 12),
        "rahim": (("fundus",), 9),
        "neh": (("oct",), 9),
        "octdl-1": (("oct",), 4),
        "octdl-2": (("oct",), 4),
        "kermany": (("oct",), 2),
    }
    assert cards["neh"].cases["oct"] == (6, 3)
    assert cards["idrid"].cases["fundus"] == (6, 6)
    words = {account.words.partition(" ")[0]: account.words for account in source.accounts}
    assert words["idrid"].endswith("18 rows read: 12 used, 6 with a label that is not mapped")
    assert words["oct2017"].endswith("40 rows read: 2 used, 38 at no site")
