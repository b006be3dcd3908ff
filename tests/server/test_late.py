"""Stragglers are left out before they are run; one that is late by its last byte, when it answers."""

import pytest
from flwr.app import ConfigRecord, Message
from server.slices import least_update_bytes
from server.strategy import IncompleteModalities

from fed import protocol
from fed.config import resolve
from fed.config.clock import CaseSeconds
from fed.engines.messages import server_identity
from fed.initial import initial_model
from fed.sites import Resources, SiteCard
from server.clock import VirtualClock
from server.roster import Member, Roster
from tests.acceptance.federations import tiny

PACE = {"encoders": CaseSeconds(both=0.5, fundus=0.25, oct=0.25)}
CARD = SiteCard(
    "clinic-1",
    "clinic",
    "train",
    ("fundus",),
    {"both": (0, 0), "fundus": (4, 4), "oct": (0, 0)},
    Resources(downlink_mbps=8, uplink_mbps=1),
)


@pytest.fixture(scope="module")
def config():
    return resolve(tiny(method="experts"))


@pytest.fixture(scope="module")
def model(config):
    return initial_model(config)


def asked(config, model, deadline_s):
    strategy = IncompleteModalities(config, Roster((Member(7, CARD),)))
    strategy.clock = VirtualClock(PACE, deadline_s)
    arrays = protocol.pack_state(model)
    return strategy, list(strategy.configure_train(1, arrays, ConfigRecord(), None))


def least_seconds(config, model):
    """Return what the site takes without the report of its update, and the bytes of that."""
    strategy, _ = asked(config, model, None)
    least = least_update_bytes(config, config.method.phases[0], CARD, model)
    down = strategy.exchange.traffic.down["clinic-1"]
    return VirtualClock(PACE).timing(CARD, "encoders", down, least).total, least


def answer(message, model):
    sent = {k: v for k, v in model.items() if k.startswith(("fundus_encoder", "fundus_head"))}
    cases = {"fundus_encoder": 8, "fundus_head": 8}
    update = protocol.Update("clinic-1", sent, cases, {}, protocol.TransportCount(), 8, 1.0)
    return Message(protocol.pack_update(update), reply_to=message)


def test_a_straggler_is_not_sent_the_round_but_its_bytes_count(config, model):
    with server_identity():
        seconds, _ = least_seconds(config, model)
        strategy, messages = asked(config, model, seconds - 1e-6)
    assert messages == []
    (failure,) = strategy.exchange.failures
    assert failure.outcome == "late"
    assert failure.reason.startswith("too slow: ")
    assert strategy.exchange.traffic.down["clinic-1"] > 0


def test_one_that_is_late_by_its_last_byte_is_refused_when_it_answers(config, model):
    with server_identity():
        seconds, least = least_seconds(config, model)
        strategy, messages = asked(config, model, seconds)
        assert len(messages) == 1
        strategy.aggregate_train(1, [answer(messages[0], model)])
    assert strategy.exchange.traffic.up["clinic-1"] > least
    assert strategy.exchange.answered == []
    assert [failure.outcome for failure in strategy.exchange.failures] == ["late"]


def test_one_in_time_counts(config, model):
    with server_identity():
        seconds, _ = least_seconds(config, model)
        strategy, messages = asked(config, model, seconds + 1.0)
        strategy.aggregate_train(1, [answer(messages[0], model)])
    assert strategy.exchange.answered == ["clinic-1"]
    assert strategy.exchange.outcomes() == {"clinic-1": "answered"}
