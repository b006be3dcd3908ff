"""How long a run is said to take: by what it reads, trains and how often."""

import pytest
import torch

from fed.config import resolve
from fed.errors import ConfigError
from fed.study.cost import (
    Sites,
    judging_seconds,
    phase_seconds,
    picture_seconds,
    planned_sites,
    start_seconds,
)
from tests.acceptance.federations import tiny

READ = {"source": "manifest", "path": "eyes.csv", "label": "grade"}
FROZEN = {"fundus": {"encoder": "own"}, "oct": {"encoder": "own"}}
SITES = [
    Sites(2, True, {"fundus": 40.0, "oct": 40.0}),
    Sites(1, True, {"fundus": 60.0, "oct": 0.0}),
    Sites(1, False, {"fundus": 20.0, "oct": 20.0}),
]


def training(method, frozen, rounds=20, **settings):
    model = {"frozen": frozen, "normalisation": "group"}
    settings |= {"method": method, "training": {"rounds": rounds}, "model": model}
    return sum(phase_seconds(resolve(tiny(data=READ, **settings)), SITES))


def test_what_is_solved_is_passed_over_once_whatever_the_rounds():
    assert training("analytic", FROZEN, 1) == training("analytic", FROZEN, 40) > 0


def test_twice_the_rounds_take_twice_as_long():
    assert training("fedavg", {}, 40) == pytest.approx(2 * training("fedavg", {}, 20))


def test_features_cost_a_fraction_of_images_and_more_where_the_fusion_learns():
    assert training("experts", FROZEN) < training("fedavg", FROZEN) < training("fedavg", {})


def test_pooling_doubles_the_images_of_phantom_eyes_alone_and_saves_steps():
    each = {"fundus": 40.0, "oct": 0.0}, {"fundus": 0.0, "oct": 40.0}
    apart = [Sites(1, True, pictures) for pictures in each]
    pictures = {"image_size": 128}  # large: steps are little of it

    def of(method, **data):
        config = resolve(tiny(method=method, data=data | pictures))
        return sum(phase_seconds(config, apart))

    assert of("pooled") == pytest.approx(2 * of("fedrima"), rel=0.1)
    assert of("pooled", **READ) == pytest.approx(of("fedrima", **READ), rel=0.1)


def test_a_larger_photograph_costs_more_and_the_scans_beside_it_do_not():
    def of(size, number, scans):
        config = resolve(tiny(method="fedavg", data=READ | {"image_size": size}))
        sites = [Sites(1, True, {"fundus": number, "oct": scans})]
        return sum(phase_seconds(config, sites))

    assert of(128, 40.0, 0.0) > 1.5 * of(64, 40.0, 0.0)
    assert of(128, 0.0, 40.0) == of(64, 0.0, 40.0)


def test_steps_of_single_patients_cost_most_where_privacy_asks_for_them():
    private = {"privacy": {"epsilon": 8.0}}
    assert training("fedavg", {}, **private) > 2 * training("fedavg", {})


def test_files_take_longer_than_what_was_prepared_and_each_judgement_its_time():
    def of(every=20, **data):
        evaluation = {"every": every}
        config = resolve(tiny(data=READ | data, evaluation=evaluation, training={"rounds": 20}))
        return start_seconds(config, SITES), judging_seconds(config, SITES)

    (start, judging), (stored, stored_judging) = of(), of(prepared="folder")
    assert start > stored
    assert judging > stored_judging
    often, oftener = (of(every=every, prepared="folder")[1] for every in (5, 4))
    assert often - stored_judging == pytest.approx(3 * (oftener - often))


def test_a_configuration_says_its_sites():
    groups = [
        {"name": "t", "count": 3, "modalities": ["fundus"], "cases": 20},
        {"name": "u", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 9},
    ]
    train, held_out = planned_sites(resolve(tiny(sites=groups)))
    assert train == Sites(3, True, {"fundus": 20.0, "oct": 0.0})
    assert held_out == Sites(1, False, {"fundus": 9.0, "oct": 9.0})
    assert train.cases == 20


def test_another_encoder_is_tried_out_and_rests_for_less_than_it_trains():
    encoders = {"fundus": "thumbnail", "oct": "efficientnet_lite0"}
    config = resolve(tiny(method="fedavg", model={"encoders": encoders}))
    small = resolve(tiny(method="fedavg"))
    before = torch.get_rng_state()
    found = picture_seconds(config, "oct")
    assert found == picture_seconds(config, "oct")
    assert found.trained > found.encoded_twice / 2 > 0
    assert found.trained > 5 * picture_seconds(small, "oct").trained
    assert torch.equal(before, torch.get_rng_state())


def test_an_encoder_that_cannot_be_built_is_refused_in_one_line():
    unknown = {"oct": {"use": "monai_network", "network": "Nope"}}
    config = resolve(tiny(method="fedavg", model={"encoders": unknown}))
    with pytest.raises(ConfigError, match=r"^model\.encoders: .*allowed"):
        phase_seconds(config, SITES)
