"""`fedrima audit` attacks a finished run and writes what it found."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fedrima import run
from fedrima.command import app
from tests.acceptance.federations import tiny


def audited(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments), "--replicates", "20"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "run"
    evaluation = {"every": 3, "bootstrap": 0, "validation": 0.25}
    run(tiny(method="fedrima", evaluation=evaluation), out=folder)
    return folder


def test_every_attack_is_told_with_its_interval(finished: Path) -> None:
    result = audited(finished, "--site", "imaging")
    assert result.exit_code == 0, result.output
    found = json.loads((finished / "audit.json").read_text())
    assert found["control"] == "unseen patients of the same sites"
    assert found["site"] == "imaging"
    assert (found["trained"], found["unseen"]) == (72, 24)
    assert found["epsilon"] is None
    estimates = [found["membership_model"], found["membership_update"]]
    for modality in ("fundus", "oct"):
        estimates += found["inversion"][modality].values()
    for estimate in estimates:
        assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"]
    assert "an update of imaging" in result.output
    assert "oct prototypes nearest" in result.output


def test_the_same_attack_finds_the_same(finished: Path) -> None:
    audited(finished)
    first = (finished / "audit.json").read_bytes()
    audited(finished)
    assert (finished / "audit.json").read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--site", "unseen"), "'unseen' is no training site; allowed: hospital"), ((), "results")],
)
def test_what_cannot_be_attacked_is_refused_in_one_line(
    finished: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = audited(finished if arguments else tmp_path, *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.count("\n") == 1
