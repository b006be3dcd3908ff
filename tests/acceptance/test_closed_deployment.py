"""Who gets in and what is remembered, against the real processes: SuperLink, proxy, SuperNodes."""

import base64
import datetime
import json
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.constant import TIMESTAMP_HEADER
from flwr.proto import (
    control_pb2,
    fab_pb2,
    fleet_pb2,
    heartbeat_pb2,
    message_pb2,
    node_pb2,
    run_pb2,
    runtime_pb2,
)
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.date import now
from flwr.supercore.error import ApiErrorCode
from flwr.supercore.primitives.asymmetric import public_key_to_bytes, sign_message
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from google.protobuf.message import Message

from deploy.certificates import DAY
from deploy.loopback import Loopback
from tests.acceptance.test_deployment import (
    CONFIG,
    NEEDS_NGINX,
    RUN_S,
    SITES,
    assert_same_results,
    inline,
    rounds,
    wait_until,
)

pytestmark = [pytest.mark.slow, NEEDS_NGINX]


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Loopback]:
    with Loopback(tmp_path / "loopback") as started:
        yield started


class Stranger:
    """Somebody with the address and the authority's certificate, and a key that nobody knows."""

    def __init__(self, address: str, authority: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP384R1())
        context = ssl.create_default_context(cafile=authority)
        self._client = httpx.Client(base_url=f"https://{address}", verify=context, timeout=30)

    @property
    def public(self) -> bytes:
        return public_key_to_bytes(self._key.public_key())

    def call(self, path: str, message: Message, signed: bool = False) -> httpx.Response:
        headers = {"content-type": PROTOBUF_MEDIA_TYPE, "accept": PROTOBUF_MEDIA_TYPE}
        if signed:
            stamp = now().isoformat()
            headers |= {
                FLEET_HTTP_PUBLIC_KEY_HEADER: base64.b64encode(self.public).decode(),
                TIMESTAMP_HEADER: stamp,
                FLEET_HTTP_SIGNATURE_HEADER: base64.b64encode(
                    sign_message(self._key, stamp.encode())
                ).decode(),
            }
        return self._client.post(path, content=message.SerializeToString(), headers=headers)


CONTROL = {
    "list": ("/v1/control/list-runs", control_pb2.ListRunsRequest()),
    "list nodes": ("/v1/control/list-nodes", control_pb2.ListNodesRequest()),
    "register": ("/v1/control/register-node", control_pb2.RegisterNodeRequest(public_key=b"key")),
    "submit": ("/v1/control/start-run", control_pb2.StartRunRequest()),
    "read": ("/v1/control/stream-logs", control_pb2.StreamLogsRequest(run_id=1)),
    "take a task": ("/v1/runtime/acquire-task", runtime_pb2.AcquireTaskRequest()),
}


def fleet(node_id: int) -> dict[str, Message]:
    """Every call that the proxy passes, as if the stranger were a node that is there."""
    node = node_pb2.Node(node_id=node_id)
    return {
        "deactivate-node": fleet_pb2.DeactivateNodeRequest(node_id=node_id),
        "send-node-heartbeat": heartbeat_pb2.SendNodeHeartbeatRequest(
            node=node, heartbeat_interval=30
        ),
        "pull-messages": fleet_pb2.PullMessagesRequest(node=node),
        "push-messages": fleet_pb2.PushMessagesRequest(node=node),
        "get-run": run_pb2.GetRunRequest(node=node, run_id=1),
        "get-fab": fab_pb2.GetFabRequest(node=node, hash_str="0", run_id=1),
        "push-object": message_pb2.PushObjectRequest(node=node, run_id=1, object_id="0"),
        "pull-object": message_pb2.PullObjectRequest(node=node, run_id=1, object_id="0"),
        "confirm-message-received": message_pb2.ConfirmMessageReceivedRequest(
            node=node, run_id=1, message_object_id="0"
        ),
    }


def nodes(federation: Loopback) -> dict[int, str]:
    listed = json.loads(federation.flwr("supernode", "list", "loopback", "--format", "json"))
    return {int(node["node-id"]): node["status"] for node in listed["nodes"]}


def online(federation: Loopback) -> set[int]:
    return {node for node, status in nodes(federation).items() if status == "online"}


def test_a_stranger_with_address_and_authority_gets_nothing(federation: Loopback) -> None:
    federation.register("hospital")
    federation.start_supernode("hospital")
    wait_until(lambda: len(online(federation)) == 1)
    (known,) = online(federation)

    stranger = Stranger(federation.address, federation.certificates.authority)
    for what, (path, message) in CONTROL.items():
        assert stranger.call(path, message).status_code == 404, what
    key = fleet_pb2.RegisterNodeFleetRequest(public_key=stranger.public)
    assert stranger.call("/v1/fleet/register-node", key, signed=True).status_code == 404
    activation = fleet_pb2.ActivateNodeRequest(public_key=stranger.public, heartbeat_interval=30)
    answer = stranger.call("/v1/fleet/activate-node", activation, signed=True)
    assert answer.json()["code"] == ApiErrorCode.FLEET_NODE_ACTIVATION_FAILED, answer.text
    for call, message in fleet(known).items():
        for signed in (False, True):
            answer = stranger.call(f"/v1/fleet/{call}", message, signed)
            assert answer.status_code == 401, f"{call}: {answer.text}"
    assert nodes(federation) == {known: "online"}

    # The same calls, from the machine itself, are answered: they were real ones.
    inside = Stranger(federation.control, federation.certificates.inner)
    assert inside.call(*CONTROL["list nodes"]).status_code == 200


def test_the_superlink_is_heard_by_this_machine_alone(federation: Loopback) -> None:
    family = [psutil.Process(federation.pid("superlink"))]
    family += family[0].children(recursive=True)
    heard = [
        connection.laddr.ip
        for process in family
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert heard
    assert set(heard) == {"127.0.0.1"}


def test_a_superlink_killed_in_mid_run_knows_its_nodes_and_the_run_goes_on(
    federation: Loopback, tmp_path: Path
) -> None:
    reference = inline(tmp_path / "inline")
    out = tmp_path / "flower"
    for site in SITES:
        federation.register(site)
        federation.start_supernode(site)
    wait_until(lambda: len(online(federation)) == len(SITES))
    before = online(federation)
    values: dict[str, str | int] = {"config": CONFIG, "out": str(out)}
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(federation.run, values, RUN_S)
        wait_until(lambda: (out / "rounds.jsonl").exists() and bool(rounds(out)))
        federation.kill("superlink")
        with pytest.raises(RuntimeError, match="failed"):
            run.result()
    assert not (out / "results.json").exists()
    time.sleep(5)

    federation.start_superlink()
    wait_until(lambda: online(federation) == before)
    assert all(federation.running(site) for site in SITES), "nobody had to start a site again"
    federation.run(values | {"resume": True}, RUN_S)
    assert_same_results(out, reference)
    assert json.loads((out / "results.json").read_text())["failures"] == []


def test_an_expired_certificate_is_named_at_both_ends(tmp_path: Path) -> None:
    with Loopback(tmp_path / "loopback", lasting=-2 * DAY) as federation:
        federation.register("hospital")
        federation.start_supernode("hospital")
        wait_until(lambda: not federation.running("hospital"))
        ended = f"{datetime.datetime.now(datetime.UTC) - 2 * DAY:%Y-%m-%d}"
        wait_until(lambda: "has ended" in federation.log("superlink"))
        at_hospital, at_coordinator = federation.log("hospital"), federation.log("superlink")
    assert f"the certificate of {federation.address} has ended, on {ended}" in at_hospital
    assert f"{federation.certificates.server} has ended, on {ended}" in at_coordinator


def test_a_certificate_that_ends_soon_is_told_at_both_ends(tmp_path: Path) -> None:
    with Loopback(tmp_path / "loopback", lasting=10 * DAY) as federation:
        federation.register("hospital")
        federation.start_supernode("hospital")
        wait_until(lambda: len(online(federation)) == 1)
        logs = federation.log("hospital"), federation.log("superlink")
    assert all("in 9 days: renew it" in log for log in logs)
