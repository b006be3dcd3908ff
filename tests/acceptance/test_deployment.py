"""A real deployment on this machine: SuperLink, proxy over TLS, node keys, three SuperNodes.

Starting a process for every message, a deployed federation takes minutes, so these are slow.
"""

import contextlib
import csv
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy import proxy
from deploy.loopback import ROOT, Loopback

NEEDS_NGINX = pytest.mark.skipif(
    proxy.NGINX is None, reason="nginx is not installed (apt-get install nginx-light)"
)
pytestmark = [pytest.mark.slow, NEEDS_NGINX]

CONFIG = "configs/deploy.yaml"
SITES = ("hospital", "clinic", "unseen")
RUN_S = 900.0


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Loopback]:
    with Loopback(tmp_path / "loopback") as started:
        for site in SITES:
            started.register(site)
        yield started
    # Flower's executors have sessions of their own, and look every few seconds for who started them.
    wait_until(lambda: not processes(tmp_path), 20)


def processes(folder: Path) -> str:
    """Return the numbers of the processes that name a folder in their command lines."""
    return subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True).stdout


def inline(out: Path, overrides: Sequence[str] = ()) -> Path:
    command = [sys.executable, "simulate.py", CONFIG, "--out", str(out), "--engine", "inline"]
    for override in overrides:
        command += ["--set", override]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return out


def assert_same_results(run: Path, reference: Path) -> None:
    """Compare bytes; ids alone differ, and one stands for one."""
    name = "model.safetensors"
    assert (run / name).read_bytes() == (reference / name).read_bytes(), name
    told, known = (rows_of(folder / "predictions.csv") for folder in (run, reference))
    for column in ("case_id", "patient_id"):
        pairs = {(row.pop(column), own.pop(column)) for row, own in zip(told, known, strict=True)}
        assert len({told for told, _ in pairs}) == len({own for _, own in pairs}) == len(pairs)
        assert all(re.fullmatch("[0-9a-f]{32}", told) for told, _ in pairs)
    assert told == known


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def rounds(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "rounds.jsonl").read_text().splitlines()]


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def own_manifests(folder: Path) -> list[str]:
    """Write a manifest for each site and one of all; return the overrides that ask for them."""
    random = np.random.default_rng(0)
    rows = []
    for site in SITES:
        own = []
        for number in range(16):
            case = f"{site}-{number}"
            images = {"fundus": (64, 64, 3), "oct": (32, 32)}
            for modality, shape in images.items():
                pixels = random.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{case}-{modality}.png")
            paths = {m: f"{case}-{m}.png" for m in images}
            own.append({"case_id": case, "grade": number % 2, "place": site} | paths)
        write(folder / f"{site}.csv", own)
        rows += own
    write(folder / "all.csv", rows)
    return [
        "data.source=manifest",
        f"data.path={folder / 'all.csv'}",
        "data.site_column=place",
        "data.volume_size=[1,32,32]",
        *(f"sites.{position}.cases=[{site}]" for position, site in enumerate(SITES)),
    ]


def write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_own_data_at_each_site_gives_the_results_of_the_simulation(
    federation: Loopback, tmp_path: Path
) -> None:
    overrides = own_manifests(tmp_path)
    reference = inline(tmp_path / "inline", overrides)
    (tmp_path / "all.csv").unlink()  # nobody needs it
    for site in SITES:
        federation.start_supernode(site, {"data": str(tmp_path / f"{site}.csv")})
    federation.start_supernode("stranger", {"site": "clinic"})
    wait_until(lambda: not federation.running("stranger"))
    # Flower 1.41 tells the stranger no reason; the SuperLink's log has the key it did not know.
    assert "Failed to activate SuperNode" in federation.log("stranger")
    assert "Attempted to register SuperNode with public key" in federation.log("superlink")

    out = tmp_path / "flower"
    federation.run({"config": CONFIG, "set": " ".join(overrides), "out": str(out)}, RUN_S)
    assert_same_results(out, reference)
    results = json.loads((out / "results.json").read_text())
    assert results["engine"] == "flower"
    assert results["failures"] == []
    assert [site["name"] for site in results["sites"]] == list(SITES)
    expected = json.loads((reference / "results.json").read_text())["communication"]
    told = results["communication"]
    assert told["down_bytes"] == expected["down_bytes"]
    for site in ("hospital", "clinic"):  # scores of the other one have pseudonyms, which are longer
        assert told["sites"][site] == expected["sites"][site]
    assert "data:image" not in (out / "report.html").read_text()
    assert "round 3" in (out / "log.txt").read_text()


def test_a_supernode_killed_in_mid_round_comes_back_and_nothing_is_lost(
    federation: Loopback, tmp_path: Path
) -> None:
    out = tmp_path / "flower"
    reference = inline(tmp_path / "inline")
    for site in SITES:
        federation.start_supernode(site)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(federation.run, {"config": CONFIG, "out": str(out)}, RUN_S)
        wait_until(lambda: "Receiving: train" in federation.log("clinic"))
        federation.kill("clinic")
        # The SuperLink takes it back once it has missed two heartbeats; until then it must retry.
        wait_until(lambda: is_back(federation, "clinic"))
        run.result()
    assert "its message is sent again" in (out / "log.txt").read_text()
    assert json.loads((out / "results.json").read_text())["failures"] == []
    assert_same_results(out, reference)


def test_a_supernode_that_misses_a_round_rejoins(federation: Loopback, tmp_path: Path) -> None:
    out = tmp_path / "flower"
    for site in SITES:
        federation.start_supernode(site)
    with ThreadPoolExecutor(1) as pool:
        values: dict[str, str | int] = {"config": CONFIG, "out": str(out), "patience-s": 3}
        run = pool.submit(federation.run, values | {"set": "training.rounds=5"}, RUN_S)
        wait_until(lambda: "Receiving: train" in federation.log("clinic"))
        federation.stop("clinic")
        wait_until(lambda: (out / "rounds.jsonl").exists() and bool(rounds(out)))
        federation.start_supernode("clinic")
        run.result()
    first, last = rounds(out)[0], rounds(out)[-1]
    assert first["participants"] == ["hospital"]
    assert first["failures"] == [
        {
            "site": "clinic",
            "reason": "went away in the round and did not come back within 3 s",
            "outcome": "failed",
        }
    ]
    assert last["participants"] == ["hospital", "clinic"]
    assert last["failures"] == []
    assert "clinic has joined" in (out / "log.txt").read_text()


def is_back(federation: Loopback, site: str) -> bool:
    """Start a SuperNode again if it has been turned away, as a service manager does."""
    if not federation.running(site):
        federation.start_supernode(site)
        time.sleep(3)
    return federation.log(site).count("SuperNode ID") == 2


def test_a_budget_of_privacy_is_spent_told_and_not_passed(
    federation: Loopback, tmp_path: Path
) -> None:
    for site in SITES:
        federation.start_supernode(site, {"folder": str(tmp_path / site)})
    budget = "model.normalisation=group privacy.epsilon=8 training.rounds=2 evaluation.every=2"

    def run(out: Path) -> None:
        federation.run({"config": CONFIG, "set": budget, "out": str(out)}, RUN_S)

    run(tmp_path / "first")
    results = json.loads((tmp_path / "first" / "results.json").read_text())
    assert results["failures"] == []
    spent = {name: site["epsilon"] for name, site in results["privacy"]["sites"].items()}
    assert set(spent) == {"hospital", "clinic"}
    assert all(7 < epsilon <= 8 for epsilon in spent.values())
    assert rounds(tmp_path / "first")[-1]["epsilon"] == spent
    counted = json.loads((tmp_path / "clinic" / "privacy-spent.json").read_text())
    assert [sum(times.values()) for times in counted.values()] == [3]  # two rounds, statistics

    # The coordinator asks for the same again, as if nothing had been spent.
    with contextlib.suppress(RuntimeError):
        run(tmp_path / "again")
    log = (tmp_path / "again" / "log.txt").read_text()
    for site in ("hospital", "clinic"):
        words = f"{site}.*privacy.epsilon: 8 is all that this run may spend, and another answer"
        assert re.search(words, log)
    assert not (tmp_path / "again" / "model.safetensors").exists()
    assert json.loads((tmp_path / "clinic" / "privacy-spent.json").read_text()) == counted
