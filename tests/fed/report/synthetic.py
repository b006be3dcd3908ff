"""A small finished run, written without running anything."""

import csv
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fed.bootstrap import bootstrap
from fed.metrics import METRICS, scores
from fed.report import Sample
from tests.fed.grading import graded

CLASSES = ["healthy", "early", "intermediate", "late"]
GROUPS = {
    "tertiary": ("train", 3, ["fundus", "oct"]),
    "community": ("train", 6, ["fundus"]),
    "imaging-centre": ("train", 3, ["oct"]),
    "unseen": ("held_out", 4, ["fundus", "oct"]),
}
SKILL = {"both": 2.6, "fundus": 1.6, "oct": 1.9}
CASES = 120


def write_run(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write the files of a run; `changes` replace keys of ``results.json``, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    predictions, scored = _graded()
    (folder / "predictions.csv").write_text(predictions)
    results = json.loads(scored) | changes
    sites = results["sites"]
    (folder / "results.json").write_text(json.dumps(results))
    lines = (json.dumps(_round(number, sites)) for number in range(1, 19))
    (folder / "rounds.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "config.yaml").write_text("name: synthetic\nseed: 7\nmethod: fedrima\n")
    return results


def samples() -> list[Sample]:
    """Return eyes with both pictures, and with one."""
    rng = np.random.default_rng(0)
    fundus = rng.integers(256, size=(3, 24, 24), dtype=np.uint8)
    volume = rng.integers(256, size=(5, 20, 24), dtype=np.uint8)
    return [
        Sample("tertiary-1", "tertiary", "healthy", fundus, volume),
        Sample("tertiary-1", "tertiary", "late", fundus, volume),
        Sample("community-2", "community", "early", fundus, None),
        Sample("imaging-centre-1", "imaging-centre", "early", None, volume),
    ]


def _card(group: str, number: int) -> dict[str, Any]:
    role, _, modalities = GROUPS[group]
    rng = np.random.default_rng([len(group), number])
    counts = rng.multinomial(rng.integers(60, 200), rng.dirichlet([2.0] * 4)).tolist()
    empty = [0] * 4
    kind = "both" if len(modalities) == 2 else modalities[0]
    return {
        "name": f"{group}-{number}",
        "group": group,
        "role": role,
        "modalities": modalities,
        "cases": {c: counts if c == kind else empty for c in ("both", "fundus", "oct")},
        "resources": {
            "speed": 1.0,
            "uplink_mbps": 20.0,
            "downlink_mbps": 100.0,
            "availability": 1.0,
            "dropout": 0.05,
        },
    }


@cache
def _graded() -> tuple[str, str]:
    """Return ``predictions.csv`` and ``results.json``, made once for all tests."""
    sites = [_card(group, number) for group in GROUPS for number in range(1, GROUPS[group][1] + 1)]
    file = io.StringIO()
    results = _results(sites, _write_predictions(file, sites))
    return file.getvalue(), json.dumps(results)


def _write_predictions(file: io.StringIO, sites: list[dict[str, Any]]) -> dict[str, Any]:
    """Return labels and probabilities by condition and site, written to `file`."""
    held_out = [site["name"] for site in sites if site["role"] == "held_out"]
    found: dict[str, Any] = {condition: {} for condition in SKILL}
    rows = csv.writer(file)
    rows.writerow(["site", "case_id", "condition", "label", "p_0", "p_1", "p_2", "p_3"])
    for number, site in enumerate(held_out):
        for condition, skill in SKILL.items():
            labels, p = graded(CASES, 4, number, skill=skill)
            found[condition][site] = labels, p
            for case, (label, row) in enumerate(zip(labels, p, strict=True)):
                rows.writerow([site, f"{site}-{case}", condition, label, *map(repr, row.tolist())])
    return found


def _estimates(labels: Any, p: Any) -> dict[str, Any]:
    values = scores(labels, p)
    spread = bootstrap(labels, p, range(len(labels)), METRICS, 100, np.random.default_rng(0))
    return {
        name: {"value": values[name], "low": spread[name][0], "high": spread[name][1]}
        for name in METRICS
    }


def _results(sites: list[dict[str, Any]], predictions: dict[str, Any]) -> dict[str, Any]:
    pooled, by_site = {}, {}
    for condition, found in predictions.items():
        everything = [np.concatenate(arrays) for arrays in zip(*found.values(), strict=True)]
        pooled[condition] = _estimates(*everything)
        for site, (labels, p) in found.items():
            by_site.setdefault(site, {})[condition] = _estimates(labels, p)
    traffic = {s["name"]: {"down_bytes": 8_400_000, "up_bytes": 6_100_000} for s in sites}
    return {
        "schema": 1,
        "name": "synthetic",
        "method": "fedrima",
        "seed": 7,
        "engine": "inline",
        "versions": {"python": "3.11.9", "torch": "2.13.0", "flwr": "1.41.0"},
        "task": {"classes": CLASSES},
        "arrangement": "federated",
        "rounds_completed": 18,
        "held_out": {"pooled": pooled, "sites": by_site},
        "validation": {"pooled": {"both": {"auc": 0.93}, "fundus": {"auc": None}}},
        "sites": sites,
        "communication": {
            "down_bytes": 8_400_000 * len(sites),
            "up_bytes": 6_100_000 * len(sites),
            "sites": traffic,
        },
        "time": {
            "wall": {"data": 3.2, "encoders": 84.0, "fusion": 21.5, "evaluation": 9.1},
            "virtual_seconds": 4210.0,
        },
        "failures": [],
        "warnings": [],
        "confounds": [],
        "transport": {"couplings": 140, "not_converged": 0, "left_out_classes": 0, "seconds": 3.1},
    }


def _round(number: int, sites: list[dict[str, Any]]) -> dict[str, Any]:
    rng = np.random.default_rng(number)
    fusion = number > 12
    losses = {}
    for site in sites:
        if site["role"] == "train":
            base = 1.3 * np.exp(-number / 9) + 0.05 * rng.normal() + 0.3
            losses[site["name"]] = {"classification": base}
            if fusion:
                losses[site["name"]]["alignment"] = 0.6 + 0.3 * np.exp(-(number - 12) / 2)
    scored = None
    if number % 6 == 0:
        scored = {
            c: {
                m: {"value": 0.6 + 0.08 * skill + 0.006 * number - s}
                for m, s in (("auc", 0), ("qwk", 0.1))
            }
            for c, skill in SKILL.items()
        }
    return {
        "round": number,
        "phase": "fusion" if fusion else "encoders",
        "lr": 0.004,
        "participants": [s["name"] for s in sites if s["role"] == "train"],
        "failures": [],
        "losses": losses,
        "down_bytes": 5_000_000 if fusion else 8_000_000,
        "up_bytes": 2_000_000 if fusion else 6_000_000,
        "seconds": 5.1,
        "virtual_seconds": 230.0,
        "held_out": scored,
        "validation": scored
        and {c: {"auc": {"value": m["auc"]["value"] + 0.03}} for c, m in scored.items()},
    }
