"""What is said of certificates, against dates that are known; and of the machine's own user."""

import datetime
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import expiry, superlink, supernode, watched
from deploy.certificates import DAY, Certificates, make_certificates, make_node_key

NOW = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)


def ending(days: float) -> expiry.Validity:
    return expiry.Validity("server.pem", NOW - 100 * DAY, NOW + days * DAY)


@contextmanager
def serving(files: Certificates) -> Iterator[str]:
    """A TLS server that shows a certificate to whoever comes, and hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.server.with_suffix(".key"))
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def test_more_than_thirty_days_need_no_word() -> None:
    assert ending(30.1).remark(NOW) is None
    assert ending(30.1).valid(NOW)


@pytest.mark.parametrize(("days", "left"), [(29.9, 29), (1.5, 1), (0.1, 0)])
def test_the_last_thirty_days_are_told(days: float, left: int) -> None:
    remark = ending(days).remark(NOW)
    assert remark is not None
    assert "server.pem" in remark
    assert f"in {left} days" in remark
    assert ending(days).valid(NOW)


def test_an_end_that_is_past_is_named_with_its_date() -> None:
    remark = ending(-2).remark(NOW)
    assert remark is not None
    assert "has ended, on 2027-02-27 12:00 UTC" in remark
    assert not ending(-2).valid(NOW)


def test_a_clock_that_is_slow_is_named() -> None:
    remark = ending(10).remark(NOW - 101 * DAY)
    assert remark is not None
    assert "clock says 2026-11-20" in remark


def test_files_and_servers_tell_the_same_dates(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, 10 * DAY)
    (of_file,) = expiry.of_file(files.server)
    with serving(files) as address:
        of_server = expiry.of_server(address)
    assert (of_server.begins, of_server.ends) == (of_file.begins, of_file.ends)
    left = of_file.ends - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=9, hours=23) < left <= 10 * DAY


def test_a_chain_is_read_whole(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, 10 * DAY)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(files.server.read_bytes() + files.authority.read_bytes())
    assert len(expiry.of_file(chain)) == 2
    assert len(expiry.remarks(expiry.of_file(chain))) == 1


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ValueError, match=r"ca\.pem: not a certificate"):
        expiry.of_file(tmp_path / "ca.pem")


@pytest.mark.parametrize(("days", "code"), [(60, 0), (10, 1), (-1, 1)])
def test_the_command_ends_with_one_within_a_month(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: int, code: int
) -> None:
    files = make_certificates(tmp_path, days * DAY)
    assert expiry.main([str(files.server)]) == code
    assert bool(capsys.readouterr().err.strip()) == bool(code)


def test_a_supernode_names_the_end_and_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "run", lambda *_: pytest.fail("it has started"))
    files = make_certificates(tmp_path, -3 * DAY)
    with serving(files) as address:
        code = supernode.main(supernode_arguments(tmp_path, files, address))
    assert code == supernode.NOT_STARTED
    assert f"the certificate of {address} has ended" in capsys.readouterr().err


def test_a_supernode_whose_coordinator_is_away_starts_and_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(watched, "run", lambda _, arguments, __: started.append(arguments) or 0)
    files = make_certificates(tmp_path)
    arguments = supernode_arguments(tmp_path, files, "127.0.0.1:1")
    assert supernode.main([*arguments, "--port", "9095"]) == 0
    assert started[0][-2:] == ["--port", "9095"]
    assert "127.0.0.1:1 cannot be reached" in capsys.readouterr().err


def supernode_arguments(folder: Path, files: Certificates, address: str) -> list[str]:
    return [
        *("--superlink", address, "--root-certificates", str(files.authority), "--allow-root"),
        *("--auth-supernode-private-key", str(make_node_key(folder, "site").private)),
    ]


def test_the_superlink_listens_on_this_machine_and_remembers_on_disk(tmp_path: Path) -> None:
    arguments = superlink.arguments_of(tmp_path, tmp_path / "state", 9091)
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    assert arguments[arguments.index("--database") + 1] == str(tmp_path / "state/superlink.db")
    assert "--enable-supernode-auth" in arguments


def test_the_watch_says_what_is_to_be_said_and_returns_the_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = Path(sys.executable).name
    arguments = ["-c", "import os; print(os.environ['FLWR_TELEMETRY_ENABLED']); exit(7)"]
    assert watched.run(program, arguments, lambda: ["it ends soon"]) == 7
    told = capfd.readouterr()
    assert told.out.strip() == "0"
    assert told.err.strip() == "WARNING: it ends soon"


def test_root_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(SystemExit, match="a user of its own"):
        watched.refuse_root(allowed=False)
    watched.refuse_root(allowed=True)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    watched.refuse_root(allowed=False)
