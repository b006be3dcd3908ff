"""Stragglers are left out before they are run; one that is late by its last byte, when it answers."""

import pytest
from flwr.app import Message

from fed import protocol
from fed.config import resolve
from fed.config.clock import CaseSeconds
from fed.engines.messages import server_identity
from fed.initial import initial_model
from fed.schedule import schedule
from fed.sites import Resources, SiteCard
from server.algorithm import Step
from server.clock import VirtualClock
from server.exchange import Exchange
from server.membership import Member, Membership
from server.modular import modular
from server.requests import training_requests
from server.selection import update_bytes
from server.state import ServerState
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


class Sites:
    """A grid whose one site answers at once."""

    def __init__(self, model):
        self.model, self.messages = model, []

    def send_and_receive(self, messages, *, timeout):
        for message in messages:
            self.messages.append(message)
            message.metadata.__dict__["_message_id"] = "1"
            yield answer(message, self.model)


def ask(config, model, deadline_s):
    """Ask the site to train; return the exchange and the answers that count."""
    clock = VirtualClock(PACE, deadline_s)
    membership = Membership((Member(7, CARD),))
    exchange = Exchange(1, protocol.TRAIN, "encoders", Sites(model), membership, (), clock)
    step = Step(schedule(config)[0], "train")
    requests = training_requests(config, modular(config), ServerState(model), step, exchange)
    return exchange, list(exchange.answers(requests))


def least_seconds(config, model):
    """Return what the site takes without the report of its update, and the bytes of that."""
    exchange, _ = ask(config, model, None)
    least = update_bytes(config, config.method.phases[0], CARD, model)
    down = exchange.traffic.down["clinic-1"]
    return VirtualClock(PACE).timing(CARD, "encoders", down, least).total, least


def answer(message, model):
    sent = {k: v for k, v in model.items() if k.startswith(("fundus_encoder", "fundus_head"))}
    cases = {"fundus_encoder": 8, "fundus_head": 8}
    update = protocol.Update("clinic-1", sent, cases, {}, protocol.TransportCount(), 8, 1.0)
    return Message(protocol.pack_update(update), reply_to=message)


def test_a_straggler_is_not_sent_the_round_but_its_bytes_count(config, model):
    with server_identity():
        seconds, _ = least_seconds(config, model)
        exchange, answers = ask(config, model, seconds - 1e-6)
    assert answers == []
    assert exchange.grid.messages == []
    (failure,) = exchange.failures
    assert failure.outcome == "late"
    assert failure.reason.startswith("too slow: ")
    assert exchange.traffic.down["clinic-1"] > 0


def test_one_that_is_late_by_its_last_byte_is_refused_when_it_answers(config, model):
    with server_identity():
        seconds, least = least_seconds(config, model)
        exchange, answers = ask(config, model, seconds)
    assert len(exchange.grid.messages) == 1
    assert exchange.traffic.up["clinic-1"] > least
    assert answers == exchange.answered == []
    assert [failure.outcome for failure in exchange.failures] == ["late"]


def test_one_in_time_counts(config, model):
    with server_identity():
        seconds, _ = least_seconds(config, model)
        exchange, answers = ask(config, model, seconds + 1.0)
    assert [card.name for card, _ in answers] == exchange.answered == ["clinic-1"]
    assert exchange.outcomes() == {"clinic-1": "answered"}
