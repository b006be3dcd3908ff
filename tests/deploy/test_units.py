"""Units and containers start what they say, as no root, and open nothing but the proxy's port."""

import configparser
import shlex
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

from deploy import proxy, superlink, supernode, watched
from deploy.certificates import make_certificates, make_node_key

DEPLOY = Path(proxy.__file__).parent
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
NOT_HERE = "/opt/fedrima/.venv/bin/python is not executable"


def unit(path: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text(encoding="utf-8").replace("\\\n", " "))
    return parser["Service"]


def started(
    words: list[str], values: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, list[str]]:
    """Run what a unit or container runs up to Flower's program; return its command line."""
    certificates = make_certificates(folder)
    key = make_node_key(folder, "site").private
    here = {"/etc/fedrima/ca.pem": str(certificates.authority), "/etc/fedrima": str(folder)}
    here |= {f"{place}/site.key": str(key) for place in ("/etc/fedrima", "/var/lib/fedrima")}
    here |= {"/var/lib/fedrima": str(folder / "state")} | values
    calls: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(watched, "refuse_root", lambda _: None)
    monkeypatch.setattr(watched, "run", lambda p, a, *_: calls.append((p, list(a))) or 0)
    _, minus_m, module, *arguments = words
    assert minus_m == "-m"
    for there in sorted(here, key=len, reverse=True):
        arguments = [argument.replace(there, here[there]) for argument in arguments]
    program = {"deploy.superlink": superlink.main, "deploy.supernode": supernode.main}[module]
    assert program(arguments) == 0
    return calls[0]


def test_there_is_a_unit_for_each_process() -> None:
    assert [path.stem for path in UNITS] == [
        "fedrima-proxy",
        "fedrima-superlink",
        "fedrima-supernode",
    ]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_run_as_a_user_without_capabilities(path: Path) -> None:
    service = unit(path)
    assert service["User"] == "fedrima"
    assert service["CapabilityBoundingSet"] == ""
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"


@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_the_units(path: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if path.name in line]
    assert [line for line in told if NOT_HERE not in line and "nginx is not" not in line] == []


def test_the_coordinators_unit_starts_a_superlink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(unit(DEPLOY / "systemd/fedrima-superlink.service")["ExecStart"])
    program, arguments = started(words, {}, tmp_path, monkeypatch)
    assert program == "flower-superlink"
    assert arguments == superlink.arguments_of(tmp_path, tmp_path / "state", superlink.PORT)


def test_the_hospitals_unit_starts_a_supernode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(unit(DEPLOY / "systemd/fedrima-supernode.service")["ExecStart"])
    values = {"${SUPERLINK}": "127.0.0.1:1", "${NODE_CONFIG}": 'site="clinic" data="/eyes/m.csv"'}
    program, arguments = started(words, values, tmp_path, monkeypatch)
    assert program == "flower-supernode"
    assert arguments[:2] == ["--superlink", "127.0.0.1:1"]
    assert arguments[-2:] == ["--node-config", 'site="clinic" data="/eyes/m.csv"']


def test_the_proxy_passes_on_to_where_the_superlink_listens() -> None:
    text = proxy.CONFIGURATION.read_text(encoding="utf-8")
    assert f"server 127.0.0.1:{superlink.PORT};" in text
    words = shlex.split(unit(DEPLOY / "systemd/fedrima-proxy.service")["ExecStart"])
    assert words == shlex.split(f"/usr/sbin/{COMPOSE['services']['proxy']['command']}")


@pytest.mark.parametrize("name", ["superlink", "proxy", "supernode"])
def test_containers_have_no_root_and_write_nothing_but_their_volumes(name: str) -> None:
    service = COMPOSE["services"][name]
    assert int(service["user"]) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert all(v.endswith(":ro") or v.endswith(":/var/lib/fedrima") for v in service["volumes"])


def test_of_the_containers_only_the_proxy_is_reached() -> None:
    services = COMPOSE["services"]
    assert services["proxy"]["network_mode"] == "service:superlink"
    assert [name for name in services if "ports" in services[name]] == ["superlink"]
    (published,) = services["superlink"]["ports"]
    outside, inside = published.split(":")
    assert f"listen {inside} ssl;" in proxy.CONFIGURATION.read_text(encoding="utf-8")
    assert int(outside) != superlink.PORT


@pytest.mark.parametrize("name", ["superlink", "supernode"])
def test_containers_start_what_the_units_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    command = COMPOSE["services"][name]["command"]
    words = shlex.split(command) if isinstance(command, str) else command
    values = {"${SUPERLINK:-federation.example.org:9092}": "127.0.0.1:1", "${SITE:-clinic}": "c"}
    called, arguments = started(words, values, tmp_path, monkeypatch)
    assert called == f"flower-{name}"
    assert "--database" in arguments or arguments[-1] == (
        '--node-config=site="c" data="/eyes/manifest.csv"'
    )
