"""A small finished run, written without running anything, by the classes that a run writes with."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fed.config.judging import Equipment, Sets
from fed.judgement.equipment import equipment
from fed.judgement.eyes import two_image_eyes
from fed.judgement.sets import prediction_sets
from fed.judgement.subgroups import subgroups
from fed.judgement.triage import triage
from fed.metrics import at_threshold, bootstrap, evaluate, names, threshold_for
from fed.report import Sample
from fed.results import (
    CONFIGURATION,
    PREDICTIONS,
    Results,
    RoundRecord,
    write_predictions,
    write_results,
    write_rounds,
)
from tests.fed.grading import graded

CLASSES = ("healthy", "early", "intermediate", "late")
BINARY = ("no oedema", "oedema")
GROUPS = {
    "tertiary": ("train", 3, ["fundus", "oct"]),
    "community": ("train", 6, ["fundus"]),
    "imaging-centre": ("train", 3, ["oct"]),
    "unseen": ("held_out", 4, ["fundus", "oct"]),
}
SKILL = {"both": 2.6, "fundus": 1.6, "oct": 1.9}
CASES = 120
ROUNDS = 18


def write_run(
    folder: Path, classes: tuple[str, ...] = CLASSES, unseen: int = 4, **changes: Any
) -> dict[str, Any]:
    """Write the files of a run; `changes` replace keys of ``results.json``, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, made = _graded(classes, unseen)
    columns = ["site", "case_id", "patient_id", "condition", "label"]
    columns += [f"p_{k}" for k in range(len(classes))]
    write_predictions(folder / PREDICTIONS, columns, rows)
    results = Results.model_validate(made.content() | changes)
    write_results(folder, results)
    content = results.content()
    write_rounds(folder, [_round(number, content["sites"]) for number in range(1, ROUNDS + 1)])
    (folder / CONFIGURATION).write_text("name: synthetic\nseed: 7\nmethod: fedrima\n")
    return content


@cache
def judged(
    classes: tuple[str, ...] = CLASSES, unseen: int = 4, mix: tuple[float, ...] | None = None
) -> dict[str, Any]:
    """Return keys of ``results.json``: all that the predictions of such a run say to its users."""
    rows, results = _graded(classes, unseen)
    columns = ["site", "case_id", "patient_id", "condition", "label"]
    frame = pd.DataFrame(rows, columns=[*columns, *(f"p_{k}" for k in range(len(classes)))])
    eyes, even = two_image_eyes(frame), np.full(len(classes), 1 / len(classes))
    assert eyes is not None

    def draws(*scope: str) -> np.random.Generator:
        return np.random.default_rng([len(name) for name in scope])

    cases = frame[["site", "case_id"]].drop_duplicates()
    kinds = ["women"] * 10 + ["men"] * 8 + ["", "other"]
    sex = cases.assign(sex=[kinds[i % 20] for i in range(len(cases))])
    groups = subgroups(frame, sex, "sex", names(), 40, draws)
    sets = prediction_sets(frame, frame[:0], Sets(), 40, draws)
    worth = equipment(eyes, results.sites, even, Equipment(), 40, draws("equipment"))
    assert groups is not None
    assert sets is not None
    return {
        "triage": triage(eyes, even, mix, 40, draws).content(),
        "sets": sets.content(),
        "equipment": worth.content(),
        "subgroups": {"sex": {c: table.content() for c, table in groups.items()}},
    }


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


def _card(group: str, number: int, classes: int) -> dict[str, Any]:
    role, _, modalities = GROUPS[group]
    rng = np.random.default_rng([len(group), number])
    shares = rng.dirichlet([2.0] * classes)
    counts = rng.multinomial(rng.integers(60, 200), shares).tolist()
    kind = "both" if len(modalities) == 2 else modalities[0]
    return {
        "name": f"{group}-{number}",
        "group": group,
        "role": role,
        "modalities": modalities,
        "cases": {c: counts if c == kind else [0] * classes for c in ("both", "fundus", "oct")},
        "resources": {"uplink_mbps": 20.0, "dropout": 0.05},
    }


@cache
def _graded(classes: tuple[str, ...], unseen: int) -> tuple[list[list[Any]], Results]:
    """Return the rows of ``predictions.csv`` and the results, made once for all tests."""
    numbers = {group: unseen if role == "held_out" else n for group, (role, n, _) in GROUPS.items()}
    sites = [
        _card(group, number, len(classes))
        for group in GROUPS
        for number in range(1, numbers[group] + 1)
    ]
    rows: list[list[Any]] = []
    found: dict[str, Any] = {condition: {} for condition in SKILL}
    names_unseen = [site["name"] for site in sites if site["role"] == "held_out"]
    for number, site in enumerate(names_unseen):
        for condition, skill in SKILL.items():
            labels, p = graded(CASES, len(classes), number, skill=skill)
            found[condition][site] = labels, p
            for case, (label, row) in enumerate(zip(labels, p, strict=True)):
                ids = f"{site}/{case}", f"{site}/{case // 2}"
                rows.append([site, *ids, condition, int(label), *row.tolist()])
    return rows, Results.model_validate(_results(sites, found, classes))


def _scores(found: dict[str, tuple[Any, Any]], classes: tuple[str, ...]) -> tuple[Any, ...]:
    """Return estimates, counts and operating point of the cases of some sites."""
    labels, p = (np.concatenate(arrays) for arrays in zip(*found.values(), strict=True))
    patients = [f"{site}/{case // 2}" for site in found for case in range(CASES)]
    sites = [site for site in found for _ in range(CASES)]
    values = evaluate(labels, p)
    spread = bootstrap(labels, p, patients, sites, None, 100, np.random.default_rng(0))
    estimates = {
        name: {"value": values[name], "low": spread[name][0], "high": spread[name][1]}
        for name in names()
    }
    by_class = np.bincount(labels, minlength=len(classes)).tolist()
    count = {"cases": len(labels), "patients": len(set(patients)), "by_class": by_class}
    point = None
    if len(classes) == 2:
        threshold = threshold_for(0.9, labels, p) or 0.0
        figures = at_threshold(threshold, labels, p, patients, sites, 100, np.random.default_rng(0))
        point = {"threshold": threshold, "chosen_on": "held_out", "target": 0.9} | {
            name: {"value": value, "low": low, "high": high}
            for name, (value, (low, high)) in figures.items()
        }
    return estimates, count, point


def _results(
    sites: list[dict[str, Any]], predictions: dict[str, Any], classes: tuple[str, ...]
) -> dict[str, Any]:
    pooled, counts, points = {}, {}, {}
    by_site: dict[str, Any] = {}
    site_counts: dict[str, Any] = {}
    for condition, found in predictions.items():
        pooled[condition], counts[condition], points[condition] = _scores(found, classes)
        for site, graded_there in found.items():
            estimates, count, _ = _scores({site: graded_there}, classes)
            by_site.setdefault(site, {})[condition] = estimates
            site_counts.setdefault(site, {})[condition] = count
    training = [site["name"] for site in sites if site["role"] == "train"]
    outcomes = {"answered": ROUNDS - 1, "not_sampled": 0, "unavailable": 1, "dropped": 0}
    outcomes |= {"late": 0, "absent": 0, "failed": 0}
    return {
        "schema": 1,
        "name": "synthetic",
        "method": "fedrima",
        "seed": 7,
        "engine": "inline",
        "versions": {"python": "3.11.9", "torch": "2.13.0", "flwr": "1.41.0"},
        "task": {"classes": classes},
        "arrangement": "federated",
        "rounds_completed": ROUNDS,
        "held_out": {
            "pooled": pooled,
            "sites": by_site,
            "counts": {"pooled": counts, "sites": site_counts},
        },
        "operating_point": points if len(classes) == 2 else None,
        "validation": {"pooled": {"both": {"auc": {"value": 0.93}}}},
        "sites": sites,
        "communication": {
            "down_bytes": 8_400_000 * len(sites),
            "up_bytes": 6_100_000 * len(sites),
            "sites": {s["name"]: {"down_bytes": 8_400_000, "up_bytes": 6_100_000} for s in sites},
        },
        "time": {
            "wall": {"encoders": 84.0, "fusion": 21.5, "evaluation": 9.1, "total": 117.8},
            "virtual_seconds": 4210.0,
            "virtual_by_group": {
                group: {
                    "receiving": 800.0,
                    "computing": 2000.0,
                    "sending": 600.0,
                    "waiting": 710.0,
                    "in_vain": 0.0,
                    "away": 100.0,
                }
                for group in ("tertiary", "community", "imaging-centre")
            },
        },
        "participation": {
            "groups": {
                group: {kind: n * GROUPS[group][1] for kind, n in outcomes.items()}
                for group in ("tertiary", "community", "imaging-centre")
            },
            "sites": dict.fromkeys(training, outcomes),
        },
        "transport": {"couplings": 140, "not_converged": 0, "left_out_classes": 0, "seconds": 3.1},
    }


def _round(number: int, sites: list[dict[str, Any]]) -> RoundRecord:
    rng = np.random.default_rng(number)
    fusion = number > 12
    losses = {}
    for site in sites:
        if site["role"] == "train":
            base = 1.3 * np.exp(-number / 9) + 0.05 * rng.normal() + 0.3
            losses[site["name"]] = {"classification": base}
            if fusion:
                losses[site["name"]]["alignment"] = 0.6 + 0.3 * np.exp(-(number - 12) / 2)
    scored = validated = None
    if number % 6 == 0:
        auc = {c: 0.6 + 0.08 * skill + 0.006 * number for c, skill in SKILL.items()}
        scored = {c: {"auc": {"value": v}, "qwk": {"value": v - 0.1}} for c, v in auc.items()}
        validated = {c: {"auc": {"value": v + 0.03}} for c, v in auc.items()}
    return RoundRecord.model_validate(
        {
            "round": number,
            "phase": "fusion" if fusion else "encoders",
            "lr": 0.004,
            "participants": list(losses),
            "losses": losses,
            "down_bytes": 5_000_000 if fusion else 8_000_000,
            "up_bytes": 2_000_000 if fusion else 6_000_000,
            "seconds": 5.1,
            "virtual_seconds": 230.0,
            "held_out": scored,
            "validation": validated,
        }
    )
