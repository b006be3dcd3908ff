"""Every command of docs/after-training.md does what it says; the federation is made small."""

import re
import shlex
from contextlib import chdir
from pathlib import Path

import pytest

from fed.config import resolve
from fed.data.opening import open_source
from tests.acceptance.eyes import draw, fedrima, read_table, write_manifest
from tests.acceptance.federations import ROOT, simulate
from tests.acceptance.test_readme import SMALL

PAGE = (ROOT / "docs" / "after-training.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


COMMANDS = [line for block in blocks("bash") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished demo, new eyes, an archive with its counts, and other sites."""
    folder = tmp_path_factory.mktemp("after")
    small = [part for value in SMALL for part in ("--set", value)]
    done = simulate(ROOT / "configs" / "demo.yaml", "--quiet", *small, cwd=folder)
    assert done.returncode == 0, done.stderr
    eyes = folder / "eyes"
    eyes.mkdir()
    (counts,) = blocks("csv")
    (eyes / "counts.csv").write_text(counts)
    (other,) = blocks("yaml")
    (folder / "elsewhere.yaml").write_text(other)
    drawn = resolve(
        {
            "sites": [{"name": n, "modalities": ["fundus", "oct"], "cases": 10} for n in "abd"]
            + [{"name": "c", "role": "held_out", "modalities": ["oct"], "cases": 1}],
            "data": {"image_size": 32, "volume_size": [4, 32, 32]},
        }
    )
    rows = draw(open_source(drawn), eyes)
    write_manifest(eyes / "new.csv", [row for row in rows if row["site"] == "a"])
    write_manifest(eyes / "archive.csv", [row for row in rows if row["site"] == "b"])
    write_manifest(eyes / "graded-here.csv", [row for row in rows if row["site"] == "d"])
    return folder


def test_commands_run_one_after_the_other(folder: Path) -> None:
    with chdir(folder):
        for text in COMMANDS:
            program, *arguments = shlex.split(text)
            assert program == "fedrima"
            done = fedrima(*arguments)
            assert done.exit_code == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        exec("".join(blocks("python")), {})
    heads = set(read_table(folder / "graded-with-sets.csv")[0])
    told = set(re.findall(r"`([a-z_0-9]+)`", "".join(re.findall(r"^\|(.*?)\|", PAGE, re.M))))
    assert told - {"p_0"} - heads == set(), "columns that the page names and the table lacks"
    assert heads - told <= {f"p_{k}" for k in range(4)}
    run = folder / "runs" / "demo-fedrima-s0"
    for path in ("model.onnx", "model.pt", "model-card.md"):
        assert (run / path).is_file()
    assert (folder / "worst.html").is_file()
    assert (folder / "runs" / "judged" / "report.html").is_file()
