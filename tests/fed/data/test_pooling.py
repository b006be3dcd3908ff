import numpy as np
import pytest

from fed.config import resolve
from fed.data.opening import open_own, open_source
from fed.errors import ConfigError


def config(method="fedrima", **held_out):
    sites = [
        {"name": "mixed", "modalities": {"fundus": 1.0, "oct": 0.5}, "paired": 0.5, "cases": 9},
        {"name": "clinic", "modalities": ["fundus"], "cases": 5, "count": 2},
        {"name": "imaging", "modalities": ["oct"], "cases": 4},
        {"name": "unseen", "role": "held_out", "modalities": ["fundus"], "cases": 3} | held_out,
    ]
    return resolve({"data": {"volume_size": [4, 32, 32]}, "sites": sites, "method": method})


def test_the_pooled_site_has_the_cases_and_images_of_all_training_sites():
    apart, pooled = open_source(config()), open_source(config("pooled_incomplete"))
    assert [site.name for site in pooled.sites] == ["pooled", "unseen"]
    parts = [apart.open(n) for n in ("mixed", "clinic-1", "clinic-2", "imaging")]
    everyone = pooled.open("pooled")
    assert everyone.cases == sum((part.cases for part in parts), ())
    position = len(everyone) - len(parts[-1]) + 1
    np.testing.assert_array_equal(everyone.images.oct(position), parts[-1].images.oct(1))
    position = len(parts[0]) + 2
    np.testing.assert_array_equal(everyone.images.fundus(position), parts[1].images.fundus(2))
    assert pooled.open("unseen").cases == apart.open("unseen").cases


def test_complete_cases_are_the_same_eyes_with_both_images():
    apart, complete = open_source(config()), open_source(config("pooled"))
    everyone = complete.open("pooled")
    assert len(everyone) == 9 + 5 + 5 + 4
    assert {case.condition for case in everyone.cases} == {"both"}
    clinic = apart.open("clinic-1")
    assert [case.label for case in everyone.cases[9:14]] == list(clinic.labels())
    np.testing.assert_array_equal(everyone.images.fundus(9), clinic.images.fundus(0))
    assert complete.open("unseen").cases == apart.open("unseen").cases


def test_real_eyes_are_pooled_and_completed_patient_by_patient(configuration_of_pairs):
    def opened(method):
        return open_source(configuration_of_pairs(method))

    apart, pooled, complete = map(opened, ("fedrima", "pooled_incomplete", "pooled"))
    training = [s.name for s in apart.sites if s.role == "train"]
    patients = sorted(c.patient_id for name in training for c in apart.open(name).cases)
    for source in (pooled, complete):
        assert sorted(c.patient_id for c in source.open("pooled").cases) == patients
    assert {case.condition for case in pooled.open("pooled").cases} == {"both", "fundus", "oct"}
    assert {case.condition for case in complete.open("pooled").cases} == {"both"}


@pytest.fixture
def configuration_of_pairs(configuration, pairs):
    """Return configurations on a manifest of 24 patients with both images."""
    pairs(24)
    sites = [
        {"name": "hospital", "modalities": ["fundus", "oct"], "cases": 6},
        {"name": "clinic", "modalities": ["fundus"], "cases": 6},
        {"name": "imaging", "modalities": ["oct"], "cases": 6},
        {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 6},
    ]
    return lambda method: configuration(sites, method=method)


def test_one_sites_own_data_cannot_be_pooled(tmp_path):
    with pytest.raises(ConfigError, match="pools all cases"):
        open_own(config("pooled"), "clinic-1", str(tmp_path))


def test_a_held_out_site_must_not_bear_the_pooled_name():
    with pytest.raises(ConfigError, match="'pooled'"):
        _ = open_source(config("pooled", name="pooled")).sites
