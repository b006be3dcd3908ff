"""A deployed federation on one machine: a SuperLink over TLS and a SuperNode for each site.

What runs here is what runs in hospitals, with addresses of this machine only.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from deploy.certificates import NodeKey, make_node_key, make_server_certificate

ROOT = Path(__file__).parents[1]
NAME = "loopback"
"""Of the connection in Flower's configuration file."""
START_S = 60.0
STOP_S = 10.0


class Loopback:
    """Starts processes, and stops all of them on exit.

    Parameters
    ----------
    folder : Path
        For certificates, keys, logs and Flower's state; created if absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._port = _free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._keys: dict[str, NodeKey] = {}

    def __enter__(self) -> "Loopback":
        """Start the SuperLink, which takes registered SuperNodes only."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tls = make_server_certificate(self.folder)
        self._write_connection()
        self._start(
            "superlink",
            *("flower-superlink", "--host", "127.0.0.1", "--port", str(self._port)),
            *("--ssl-certfile", str(self._tls.certificate)),
            *("--ssl-keyfile", str(self._tls.key)),
            *("--ssl-ca-certfile", str(self._tls.authority)),
            "--enable-supernode-auth",
        )
        self._wait_until_listening()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop SuperNodes first, the SuperLink last."""
        for name in reversed(list(self._processes)):
            self.stop(name)

    def register(self, site: str) -> None:
        """Make a site's key and register it at the SuperLink."""
        self.flwr("supernode", "register", str(self._key(site).public), NAME)

    def start_supernode(self, site: str, node_config: Mapping[str, str] | None = None) -> None:
        """Start the SuperNode of a site; nothing checks here that it is registered."""
        config = {"site": site, **(node_config or {})}
        self._start(
            site,
            *("flower-supernode", "--superlink", f"127.0.0.1:{self._port}"),
            *("--root-certificates", str(self._tls.authority)),
            *("--auth-supernode-private-key", str(self._key(site).private)),
            *("--host", "127.0.0.1", "--port", str(_free_port())),
            *("--node-config", " ".join(f'{key}="{value}"' for key, value in config.items())),
        )

    def run(self, run_config: Mapping[str, str | int], seconds: float) -> str:
        """Submit a run, follow it to its end and return its log.

        Raises
        ------
        RuntimeError
            If it takes longer than ``seconds``.
        """
        values = " ".join(f"{key}={json.dumps(value)}" for key, value in run_config.items())
        try:
            return self.flwr(
                "run", str(ROOT), NAME, "--stream", "--run-config", values, seconds=seconds
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(
                f"the run did not end within {seconds:g} s; logs are in {self.folder}"
            ) from error

    def flwr(self, *arguments: str, seconds: float = START_S) -> str:
        """Run Flower's command line and return its output.

        Raises
        ------
        RuntimeError
            If it fails, with its output.
        """
        done = subprocess.run(
            [_executable("flwr"), *arguments],
            env=self._environment("flwr"),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"flwr {' '.join(arguments)} failed:\n{done.stdout}")
        return done.stdout

    def log(self, name: str) -> str:
        """Return what a process has printed so far."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def running(self, name: str) -> bool:
        """Return whether a process is there."""
        return name in self._processes and self._processes[name].poll() is None

    def stop(self, name: str) -> None:
        """End a process as a service manager would, and whatever it has started."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        _kill_group(process)

    def kill(self, name: str) -> None:
        """End a process and whatever it has started as a power cut would."""
        _kill_group(self._processes.pop(name))

    def _key(self, site: str) -> NodeKey:
        if site not in self._keys:
            self._keys[site] = make_node_key(self.folder, site)
        return self._keys[site]

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [_executable(program), *arguments],
                env=self._environment(name),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _environment(self, name: str) -> dict[str, str]:
        """Each process has a state folder of its own, as if on a machine of its own."""
        return os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "FLWR_HOME": str(self.folder / "flwr" / name),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        }

    def _write_connection(self) -> None:
        home = self.folder / "flwr" / "flwr"
        home.mkdir(parents=True, exist_ok=True)
        (home / "config.toml").write_text(
            f'[superlink]\ndefault = "{NAME}"\n\n[superlink.{NAME}]\n'
            f'address = "127.0.0.1:{self._port}"\n'
            f"root-certificates = {json.dumps(str(self._tls.authority))}\n",
            encoding="utf-8",
        )

    def _wait_until_listening(self) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.running("superlink"):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.2)
        self.stop("superlink")
        raise RuntimeError(f"the SuperLink did not start:\n{self.log('superlink')}")


def _executable(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
