"""What attackers send: known changes of what an honest site sends."""

import numpy as np
import pytest
from flwr.app import Context, RecordDict

from clients.app import app
from clients.site import LocalSite, open_site
from fed import protocol
from fed.config import Config, resolve
from fed.engines.messages import server_identity
from fed.errors import ConfigError
from fed.initial import initial_model
from fed.protocol import Bank, TrainTask, Update
from model.parts import learned
from server.selection import take

SITES = [
    {"name": "clinic", "count": 2, "modalities": ["fundus"], "cases": 16, "labels": [1, 3]},
    {"name": "unseen", "role": "held_out", "modalities": ["fundus"], "cases": 8},
]


def config(how: object = None, **changes: object) -> Config:
    attack = None if how is None else {"sites": ["clinic-1"], "how": how}
    return resolve(
        {
            "task": {"classes": ["healthy", "ill"]},
            "data": {"image_size": 32, "volume_size": [4, 32, 32]},
            "sites": SITES,
            "method": "experts",
            "training": {"rounds": 1, "batch_size": 8},
            "attack": attack,
        }
        | changes
    )


def asked(config: Config, site: str, content: protocol.Content, kind: str) -> protocol.Content:
    context = Context(0, 1, {"site": site}, RecordDict(), {"federation": config})
    with server_identity():
        reply = app(protocol.instruction(content, 1, kind, 1), context)
    assert not reply.has_error(), reply.error.reason
    return reply.content


MODULES = ("fundus_encoder", "fundus_head")


def update(config: Config, site: str = "clinic-1") -> Update:
    task = TrainTask(1, 0, 0.01, take(initial_model(config), MODULES), {})
    content = asked(config, site, protocol.pack_train_task(task), protocol.TRAIN)
    return protocol.unpack_update(content)


def statistics(config: Config, site: str = "clinic-1") -> Bank:
    sent = protocol.pack_parameters(take(initial_model(config), MODULES[:1]))
    return protocol.unpack_statistics(asked(config, site, sent, protocol.STATISTICS)).bank


def changes(update: Update, names: list[str]) -> np.ndarray:
    before = initial_model(config())
    return np.concatenate([(update.parameters[n] - before[n]).ravel() for n in names])


@pytest.fixture(scope="module")
def honest() -> Update:
    return update(config())


@pytest.mark.parametrize(
    ("how", "factor"),
    [
        ({"use": "scaled", "factor": 100}, 100.0),
        ("sign_flipped", -1.0),
        ({"use": "sign_flipped", "factor": 4}, -4.0),
        ("free_riding", 0.0),
    ],
)
def test_weights_go_a_multiple_of_the_way(how: object, factor: float, honest: Update) -> None:
    found = update(config(how))
    names = [name for name in honest.parameters if learned(name)]
    np.testing.assert_allclose(
        changes(found, names), factor * changes(honest, names), rtol=1e-3, atol=1e-5
    )
    assert found.cases == honest.cases


def test_running_statistics_stay_such_as_the_border_lets_in(honest: Update) -> None:
    found = update(config({"use": "scaled", "factor": 100}))
    for name, value in honest.parameters.items():
        if not learned(name):
            assert (found.parameters[name] == value).all()


def test_random_weights_go_as_far_as_asked_and_nowhere_in_particular(honest: Update) -> None:
    found = update(config({"use": "random", "factor": 10}))
    for name in [name for name in honest.parameters if learned(name)]:
        own, true = changes(found, [name]), changes(honest, [name])
        assert np.linalg.norm(own) == pytest.approx(10 * np.linalg.norm(true), rel=1e-3)
        if len(own) > 1000:
            assert abs(np.corrcoef(own, true)[0, 1]) < 0.15
    again = update(config({"use": "random", "factor": 10}))
    assert all((again.parameters[n] == v).all() for n, v in found.parameters.items())


def test_other_sites_are_honest() -> None:
    own, attacked = update(config(), "clinic-2"), update(config("sign_flipped"), "clinic-2")
    assert all((attacked.parameters[n] == v).all() for n, v in own.parameters.items())


def test_flipped_labels_are_trained_on_and_counted_and_the_eyes_stay() -> None:
    def opened(how: object) -> LocalSite:
        return open_site(config(how), "clinic-1")

    flipped, honest = opened("label_flipped"), opened(None)
    assert (flipped.cases.labels() == 1 - honest.cases.labels()).all()
    assert flipped.card.cases["fundus"] == honest.card.cases["fundus"][::-1]
    eyes = [site.cases.images.fundus(0) for site in (flipped, honest)]
    assert (eyes[0] == eyes[1]).all()


def test_poisoned_clusters_lie_on_the_other_side_of_the_mean_of_all() -> None:
    how = {"use": "poisoned_statistics", "factor": 2}
    true, found = statistics(config())["fundus"], statistics(config(how))["fundus"]
    centre = np.average(true.means, axis=0, weights=true.counts)
    np.testing.assert_allclose(found.means, centre - 2 * (true.means - centre), atol=1e-5)
    assert (found.counts == true.counts).all()
    assert (found.labels == true.labels).all()


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ({"sites": ["clinic"], "how": "scaled"}, "no training site 'clinic'.*clinic-1"),
        ({"sites": ["unseen"], "how": "scaled"}, "no training site 'unseen'"),
        ({"sites": [], "how": "scaled"}, "attack.sites"),
        ({"sites": ["clinic-1"], "how": "scalde"}, "unknown attack 'scalde'.*scaled"),
        ({"sites": ["clinic-1"], "how": {"use": "scaled", "factor": -1}}, "scaled.factor"),
    ],
)
def test_an_attack_by_nobody_or_unknown_is_refused(attack: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(attack=attack)
