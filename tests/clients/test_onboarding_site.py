"""A held-out site that onboards: what it is judged on, what it reads, what it sends."""

import json
from dataclasses import replace

import numpy as np
import pytest

from clients.evaluation import evaluate
from clients.site import open_site
from fed.config import resolve
from fed.initial import initial_model
from fed.protocol import EvaluateTask, pack_scores
from fed.prototypes import Prototypes
from tests.acceptance.federations import group, tiny


def configured(onboarding):
    sites = [
        group("hospital", ["fundus", "oct"], cases=8),
        group("unseen", {"fundus": 1.0, "oct": 0.7}, role="held_out", cases=30),
    ]
    return resolve(tiny(sites=sites, evaluation={"onboarding": onboarding}))


def opened(onboarding):
    return open_site(configured(onboarding), "unseen")


def task(site):
    """Return a request with the first weights, and a bank of random features that fits them."""
    parameters = initial_model(site.config)
    random = np.random.default_rng(0)
    bank = {
        modality: Prototypes(
            np.array([0, 0, 1]),
            random.standard_normal((3, width)).astype(np.float32),
            np.ones((3, width), dtype=np.float32),
            np.array([5, 6, 7], dtype=np.float32),
        )
        for modality, width in (
            ("fundus", parameters["fundus_head.weight"].shape[1]),
            ("oct", parameters["oct_head.weight"].shape[1]),
        )
    }
    return EvaluateTask("held_out", ("both", "fundus", "oct"), parameters, bank)


def test_archive_and_judged_patients_are_disjoint_and_the_archive_is_not_scored():
    site = opened({"archive": 12})
    own = site.cases.cases
    patients = [{own[i].patient_id for i in part} for part in (site.archive, site.judged)]
    assert len(site.archive) == 12
    assert not patients[0] & patients[1]
    scores = evaluate(site, task(site))
    assert set(scores.case_ids) == {own[i].case_id for i in site.judged}


def test_without_onboarding_every_case_is_judged_on_and_nothing_adapted():
    site = opened(None)
    scores = evaluate(site, task(site))
    assert len(scores.case_ids) == 30
    assert scores.adapted == {}


def test_training_sites_keep_all_their_cases():
    site = open_site(configured({"archive": 5}), "hospital")
    assert (len(site.training), len(site.archive)) == (8, 0)


def test_every_procedure_scores_the_cases_that_the_unadapted_model_scores():
    site = opened({"archive": 12})
    scores = evaluate(site, task(site))
    assert "offsets" in scores.adapted
    for found in scores.adapted.values():
        for condition, probabilities in found.items():
            assert probabilities.shape == scores.probabilities[condition].shape
            np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    unadapted = evaluate(site, replace(task(site), bank={}))
    assert unadapted.adapted == {}
    np.testing.assert_array_equal(unadapted.probabilities["both"], scores.probabilities["both"])


@pytest.mark.parametrize(("counts", "reads"), [("none", 0), ("estimated", 0), ("known", 1)])
def test_labels_of_the_archive_count_only_where_counts_are_known(counts, reads):
    site = opened({"archive": 12, "counts": counts})
    archive = set(site.archive.tolist())
    flipped = tuple(
        replace(case, label=0) if i in archive else case for i, case in enumerate(site.cases.cases)
    )
    changed = replace(site, cases=replace(site.cases, cases=flipped))
    one, other = evaluate(site, task(site)), evaluate(changed, task(site))
    differs = any(
        (one.adapted[name][c] != other.adapted[name][c]).any()
        for name in one.adapted
        for c in one.adapted[name]
    )
    assert differs == bool(reads)


def test_nothing_but_scores_of_the_judged_cases_leaves():
    site = opened({"archive": 12})
    message = pack_scores(evaluate(site, task(site)))
    assert set(json.loads(message.config_records["cases"]["json"])) == {
        "site",
        "case_ids",
        "patient_ids",
        "procedures",
    }
    tables = message.array_records["scores"]
    kinds = {"labels", "rows", "probabilities", "adapted", "distances"}
    assert {name.split(".")[0] for name in tables} == kinds
    assert all(len(array.numpy()) <= len(site.judged) for array in tables.values())
