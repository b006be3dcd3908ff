"""The proxy's rule: nginx with our configuration, before a server that writes down what it gets."""

import http.client
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flwr.superlink.main import create_app

from deploy import proxy
from deploy.certificates import Certificates, make_certificates

pytestmark = pytest.mark.skipif(
    proxy.NGINX is None, reason="nginx is not installed (apt-get install nginx-light)"
)

NODES = {
    f"/v1/fleet/{call}"
    for call in (
        *("activate-node", "deactivate-node", "send-node-heartbeat"),
        *("pull-messages", "push-messages", "get-run", "get-fab"),
        *("push-object", "pull-object", "confirm-message-received"),
    )
}


@dataclass
class Behind:
    """A proxy, and the requests that came through it."""

    port: int
    authority: Path
    seen: list[str]

    def ask(self, path: str, method: str = "POST", body: bytes = b"x") -> int:
        context = ssl.create_default_context(cafile=self.authority)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return connection.getresponse().status
        finally:
            connection.close()


def superlink(files: Certificates, seen: list[str]) -> ThreadingHTTPServer:
    class Recorder(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            seen.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.inner, files.inner.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


@contextmanager
def before(server: ThreadingHTTPServer, folder: Path, seen: list[str]) -> Iterator[Behind]:
    """Start the proxy before a server, and end both."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        proxy.command(folder, f"127.0.0.1:{port}", f"127.0.0.1:{server.server_port}")
    )
    try:
        end = time.monotonic() + 10
        while not listening(port):
            assert time.monotonic() < end, "nginx did not start"
            time.sleep(0.05)
        yield Behind(port, folder / "ca.pem", seen)
    finally:
        process.terminate()
        process.wait(10)
        server.shutdown()
        server.server_close()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("proxy")
    seen: list[str] = []
    with before(superlink(make_certificates(folder), seen), folder, seen) as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_seen(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("behind").seen.clear()


def routes() -> set[str]:
    """Every path that the installed Flower serves on its one port."""
    return set(create_app().openapi()["paths"]) | {"/docs", "/openapi.json"}


def test_of_all_that_flower_serves_only_a_nodes_calls_pass(behind: Behind) -> None:
    served = routes()
    assert len(served) > 60, "Flower's routes are not read as they were"
    assert served >= NODES, "a call of SuperNodes has another name in this Flower"
    passed = {path for path in served if behind.ask(path) != 404}
    assert passed == NODES
    assert set(behind.seen) == NODES


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/fleet/",
        "/v1/fleet/register-node",
        "/v1/fleet/unregister-node",
        "/v1/fleet/pull-messages/",
        "/v1/fleet/pull-messages/../../control/list-runs",
        "/v1/fleet/%2e%2e/control/list-runs",
        "/v1/fleet/pull-messages%00",
        "/v1/control/list-runs%23/v1/fleet/pull-messages",
        "/v1/control/list-runs#/../../fleet/pull-messages/x",
        "/V1/FLEET/PULL-MESSAGES",
        "/flwr.proto.Control/ListRuns",
        "/flwr.proto.Fleet/PullMessages",
    ],
)
def test_nothing_comes_through_by_another_spelling(behind: Behind, path: str) -> None:
    assert behind.ask(path) in (400, 404)
    assert behind.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/control/list-runs/../../fleet/pull-messages",
        "/v1/control/../fleet/%70ull-messages",
        "//v1//fleet/pull-messages",
        "/v1/fleet/pull-messages%0a",
        "/v1/fleet/pull-messages?x=/v1/control/list-runs",
    ],
)
def test_what_passes_arrives_as_the_call_that_it_is(behind: Behind, path: str) -> None:
    assert behind.ask(path) == 200
    assert behind.seen == ["/v1/fleet/pull-messages"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_posting_passes(behind: Behind, method: str) -> None:
    assert behind.ask("/v1/fleet/pull-messages", method) == 403
    assert behind.seen == []


def test_a_message_beyond_the_limit_is_cut_off_before_the_superlink(behind: Behind) -> None:
    context = ssl.create_default_context(cafile=behind.authority)
    with (
        socket.create_connection(("127.0.0.1", behind.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        head = "POST /v1/fleet/push-object HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 413")
    assert behind.seen == []


def test_a_superlink_that_is_another_is_not_spoken_to(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    make_certificates(here)
    seen: list[str] = []
    with before(superlink(make_certificates(there), seen), here, seen) as impostor:
        assert impostor.ask("/v1/fleet/pull-messages") == 502
    assert seen == []


def test_the_configuration_asks_for_no_root() -> None:
    text = proxy.CONFIGURATION.read_text(encoding="utf-8")
    assert not re.search(r"^\s*user\b", text, re.MULTILINE)
    ports = [int(port) for port in re.findall(r"^\s*listen (\d+)", text, re.MULTILINE)]
    assert ports
    assert min(ports) > 1023
