"""What `flwr run .` sends to a SuperLink and from there to every site."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from flwr.cli.build import build_fab_from_disk
from flwr.common.config import get_fab_config

import fed

ROOT = Path(__file__).parents[1]
ALLOWED = {"fed", "clients", "server", "model", "configs", "LICENSE", "pyproject.toml", ".info"}


@pytest.fixture(scope="module")
def bundle() -> bytes:
    return build_fab_from_disk(ROOT)


def test_the_bundle_holds_the_program_and_nothing_else(bundle: bytes) -> None:
    assert len(bundle) < 10e6
    names = set(zipfile.ZipFile(BytesIO(bundle)).namelist())
    assert {name.split("/")[0] for name in names} <= ALLOWED
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for folder in ("fed", "clients", "server", "model", "configs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert on_disk <= names, "files that a bundle of Flower's does not take"


def test_the_bundle_says_what_runs(bundle: bytes) -> None:
    config = get_fab_config(bundle)
    assert config["project"]["version"] == fed.__version__
    app = config["tool"]["flwr"]["app"]
    assert app["components"] == {"serverapp": "server.app:app", "clientapp": "clients.app:app"}
    assert (ROOT / app["config"]["config"]).is_file()
