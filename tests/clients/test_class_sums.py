"""Sums of features that leave a site."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clients.class_sums import class_sums
from clients.site import LocalSite, open_site
from fed import protocol
from fed.config import resolve
from fed.data.cases import SiteCases
from fed.errors import ConfigError
from fed.initial import initial_model
from fed.protocol import RefusedReplyError, Sums


def config(**changes: Any) -> dict[str, Any]:
    return {
        "task": {"classes": ["healthy", "ill"]},
        "data": {"image_size": 32, "volume_size": [4, 32, 32]},
        "sites": [
            {"name": "clinic", "modalities": ["fundus"], "cases": 20, "labels": [1, 1]},
            {"name": "unseen", "role": "held_out", "modalities": ["fundus"], "cases": 8},
        ],
        "method": "analytic",
    } | changes


@pytest.fixture
def clinic() -> LocalSite:
    return open_site(resolve(config()), "clinic")


def labelled(site: LocalSite, labels: list[int], patients: list[str] | None = None) -> LocalSite:
    owners = patients or [case.patient_id for case in site.cases.cases]
    cases = tuple(
        replace(case, label=label, patient_id=patient)
        for case, label, patient in zip(site.cases.cases, labels, owners, strict=True)
    )
    return replace(site, cases=SiteCases(site.cases.site, cases, site.cases.images))


def test_they_are_of_the_features_of_the_encoder_sent(clinic: LocalSite) -> None:
    model = initial_model(clinic.config)
    sums = class_sums(clinic, model).single["fundus"]
    features = clinic.encode_frozen(clinic.network(model), clinic.training).fundus.double().numpy()
    labels = clinic.cases.labels()
    assert sums.counts.tolist() == np.bincount(labels).tolist()
    for label in (0, 1):
        np.testing.assert_allclose(sums.means[label], features[labels == label].mean(axis=0))
    within = sum(np.cov(features[labels == k].T, ddof=0) * (labels == k).sum() for k in (0, 1))
    np.testing.assert_allclose(sums.scatter, within, atol=1e-12)


def test_a_class_of_two_patients_is_not_told(clinic: LocalSite) -> None:
    labels = [0] * 14 + [1] * 6
    patients = [f"healthy-{n}" for n in range(14)] + ["one", "two"] * 3
    site = labelled(clinic, labels, patients)
    assert class_sums(site, initial_model(site.config)).single["fundus"].counts.tolist() == [14, 0]


def test_they_cross_the_border_whole(clinic: LocalSite) -> None:
    sums = class_sums(clinic, initial_model(clinic.config))
    width = sums.single["fundus"].means.shape[1]
    content = protocol.pack_sums(sums)
    assert protocol.size(content) <= protocol.sums_bytes(2, [width])
    found = protocol.unpack_sums(content, {"fundus": width}, clinic.card, 2).single["fundus"]
    np.testing.assert_array_equal(found.counts, sums.single["fundus"].counts)
    np.testing.assert_array_equal(found.means, sums.single["fundus"].means)
    np.testing.assert_array_equal(found.scatter, sums.single["fundus"].scatter)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counts": np.array([99, 1])}, "claims 99 fundus cases of class 0"),
        ({"counts": np.array([-1, 1])}, "claims -1 fundus cases"),
        ({"counts": np.array([1.0, 1.0])}, "counts as 'float64'"),
        ({"means": np.full((2, 64), np.nan)}, "means"),
        ({"scatter": -np.eye(64)}, "scatter that no features have"),
        ({"scatter": np.full((64, 64), np.inf)}, "scatter with values"),
        ({"scatter": np.ones((64, 64)) * 9 + np.eye(64) * -8.5}, "scatter that no features have"),
        ({"scatter": np.eye(63)}, "no half of 64 x 64"),
    ],
)
def test_sums_that_no_site_can_have_are_refused(
    clinic: LocalSite, changes: dict[str, Any], words: str
) -> None:
    width = 64
    honest = replace(
        class_sums(clinic, initial_model(clinic.config)).single["fundus"],
        means=np.zeros((2, width)),
        scatter=np.eye(width),
    )
    content = protocol.pack_sums(Sums({"fundus": replace(honest, **changes)}))
    with pytest.raises(RefusedReplyError, match=words):
        protocol.unpack_sums(content, {"fundus": width}, clinic.card, 2)


@pytest.fixture
def hospital() -> LocalSite:
    both = {"modalities": ["fundus", "oct"]}
    sites = [
        {"name": "hospital", "cases": 30, "labels": [1, 1], **both},
        {"name": "unseen", "role": "held_out", "cases": 8, **both},
    ]
    return open_site(resolve(config(sites=sites, method="analytic_joint")), "hospital")


def test_a_site_with_both_tells_how_they_go_together(hospital: LocalSite) -> None:
    model = initial_model(hospital.config)
    sums = class_sums(hospital, model)
    features = hospital.encode_frozen(hospital.network(model), hospital.training)
    labels = hospital.cases.labels()
    within = [
        np.concatenate([values[labels == k] - values[labels == k].mean(axis=0) for k in (0, 1)])
        for values in (features.fundus.double().numpy(), features.oct.double().numpy())
    ]
    assert sums.cross is not None
    np.testing.assert_allclose(sums.cross.scatter, within[0].T @ within[1], atol=1e-10)
    widths = {m: found.means.shape[1] for m, found in sums.single.items()}
    content = protocol.pack_sums(sums)
    assert protocol.size(content) <= protocol.sums_bytes(2, widths.values(), cross=True)
    found = protocol.unpack_sums(content, widths, hospital.card, 2, cross=True)
    assert found.cross is not None
    np.testing.assert_array_equal(found.cross.scatter, sums.cross.scatter)
    with pytest.raises(RefusedReplyError, match="nobody asked for"):
        protocol.unpack_sums(content, widths, hospital.card, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counts": np.array([99, 1])}, "claims 99 cross cases of class 0"),
        ({"scatter": np.full((64, 64), 1e4)}, "cross scatter that no features have"),
        ({"scatter": np.full((64, 64), np.nan)}, "cross scatter"),
        ({"scatter": np.zeros((64, 63))}, "cross scatter"),
    ],
)
def test_sums_across_that_no_site_can_have_are_refused(
    hospital: LocalSite, changes: dict[str, Any], words: str
) -> None:
    sums = class_sums(hospital, initial_model(hospital.config))
    assert sums.cross is not None
    widths = {m: found.means.shape[1] for m, found in sums.single.items()}
    content = protocol.pack_sums(replace(sums, cross=replace(sums.cross, **changes)))
    with pytest.raises(RefusedReplyError, match=words):
        protocol.unpack_sums(content, widths, hospital.card, 2, cross=True)


def test_sums_across_alone_are_refused(hospital: LocalSite) -> None:
    sums = class_sums(hospital, initial_model(hospital.config))
    widths = {m: found.means.shape[1] for m, found in sums.single.items()}
    content = protocol.pack_sums(replace(sums, single={"oct": sums.single["oct"]}))
    with pytest.raises(RefusedReplyError, match="without those of both modalities"):
        protocol.unpack_sums(content, widths, hospital.card, 2, cross=True)


def test_sums_of_a_modality_that_the_site_lacks_are_refused(clinic: LocalSite) -> None:
    sums = class_sums(clinic, initial_model(clinic.config)).single["fundus"]
    with pytest.raises(RefusedReplyError, match="nobody asked for"):
        protocol.unpack_sums(
            protocol.pack_sums(Sums({"oct": sums})), {"fundus": 64, "oct": 64}, clinic.card, 2
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"method": "analytic_joint", "privacy": {"epsilon": 4.0}},
            "sums across modalities, .* allowed: trains: .heads., as in analytic",
        ),
        ({"method": {"base": "analytic_joint", "fusion": "concat"}}, "fusion: .* allowed: linear"),
        (
            {"method": {"base": "analytic_joint", "predictors": True}},
            "predictors: a phase solves for them; allowed: one_layer",
        ),
        (
            {
                "method": {
                    "base": "analytic",
                    "phases": [{"name": "h", "trains": ["encoders"], "solve": {}}],
                }
            },
            "only heads and what is linear have a closed form",
        ),
        ({"method": {"base": "analytic", "send": "nothing"}}, "no phase may solve"),
    ],
)
def test_what_has_no_closed_form_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve(config(**changes))


def test_a_site_gives_no_sums_where_the_method_solves_for_nothing() -> None:
    private = config(method="experts", privacy={"epsilon": 4.0}, model={"normalisation": "group"})
    site = open_site(resolve(private), "clinic")
    with pytest.raises(ConfigError, match="experts solves for no heads"):
        class_sums(site, initial_model(site.config))
