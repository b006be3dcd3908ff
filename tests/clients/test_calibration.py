"""What is measured is what the virtual clock needs; a pinned seconds_per_case is left as it is."""

import gc
import weakref

import pytest

from clients import site as site_module
from clients.calibration import seconds_per_case
from fed.config import resolve
from fed.data.phantoms import PhantomSource
from tests.acceptance.federations import group, tiny


def test_every_kind_of_work_is_measured_for_every_kind_of_case():
    config = resolve(tiny())
    measured = seconds_per_case(config, PhantomSource(config))
    assert list(measured) == ["encoders", "fusion", "statistics"]
    for seconds in measured.values():
        for value in (seconds.both, seconds.fundus, seconds.oct):
            assert 0 < value < 1


def test_the_network_it_measured_with_is_not_kept(monkeypatch):
    networks = []

    def noted(config, build=site_module.untrained):
        network = build(config)
        networks.append(weakref.ref(network))
        return network

    monkeypatch.setattr(site_module, "untrained", noted)
    config = resolve(tiny(seed=77))
    seconds_per_case(config, PhantomSource(config))
    gc.collect()
    assert networks
    assert all(network() is None for network in networks)


def test_where_nobody_has_both_they_cost_what_each_costs():
    sites = [
        group("clinic", ["fundus"], cases=1),
        group("imaging", ["oct"]),
        group("unseen", ["fundus", "oct"], role="held_out"),
    ]
    config = resolve(tiny(sites=sites, method="experts"))
    measured = seconds_per_case(config, PhantomSource(config))["encoders"]
    assert measured.both == pytest.approx(measured.fundus + measured.oct, rel=0.01)


def test_a_pinned_pace_is_not_measured():
    seconds = {"both": 3.0, "fundus": 1.0, "oct": 2.0}
    clock = {"seconds_per_case": {"encoders": seconds}}
    config = resolve(tiny(clock=clock, method="experts"))
    assert seconds_per_case(config, PhantomSource(config))["encoders"].model_dump() == seconds
