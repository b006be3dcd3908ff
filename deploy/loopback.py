"""A deployed federation on one machine: SuperLink, proxy over TLS and a SuperNode for each site.

What runs here is what runs in hospitals, with addresses of this machine only.
"""

import contextlib
import datetime
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

from deploy import proxy
from deploy.certificates import SEASON, NodeKey, make_certificates, make_node_key
from deploy.watched import ENVIRONMENT

ROOT = Path(__file__).parents[1]
NAME = "loopback"
"""Of the connection in Flower's configuration file."""
START_S = 60.0
STOP_S = 10.0
AS_ROOT = ("--allow-root",) if os.geteuid() == 0 else ()
"""In a container that has no other user, a trial runs as root."""


class Loopback:
    """Starts processes, and stops all of them on exit.

    Parameters
    ----------
    folder : Path
        For certificates, keys, logs and Flower's state; created if absent.
    lasting : timedelta
        Until the proxy's certificate ends.
    """

    def __init__(self, folder: Path, lasting: datetime.timedelta = SEASON) -> None:
        self.folder = folder.resolve()
        self._control = _free_port()
        self._port = _free_port()
        self._lasting = lasting
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._keys: dict[str, NodeKey] = {}

    @property
    def address(self) -> str:
        """What hospitals reach: the proxy."""
        return f"127.0.0.1:{self._port}"

    @property
    def control(self) -> str:
        """What this machine reaches: the SuperLink itself."""
        return f"127.0.0.1:{self._control}"

    def __enter__(self) -> "Loopback":
        """Start the SuperLink, which takes registered SuperNodes only, and the proxy.

        Raises
        ------
        RuntimeError
            If one does not start, or nginx is not installed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificates = make_certificates(self.folder, self._lasting)
        self._write_connection()
        self.start_superlink()
        self._start("proxy", *proxy.command(self.folder, self.address, self.control))
        self._wait_until_listening("proxy", self._port)
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

    def start_superlink(self) -> None:
        """Start the SuperLink; one that was killed starts with what it remembers."""
        self._start(
            "superlink",
            *(sys.executable, "-m", "deploy.superlink", *AS_ROOT),
            *("--certificates", str(self.folder), "--state", str(self.folder / "state")),
            *("--port", str(self._control)),
        )
        self._wait_until_listening("superlink", self._control)

    def register(self, site: str) -> None:
        """Make a site's key and register it at the SuperLink."""
        self.flwr("supernode", "register", str(self._key(site).public), NAME)

    def start_supernode(self, site: str, node_config: Mapping[str, str] | None = None) -> None:
        """Start the SuperNode of a site; nothing checks here that it is registered."""
        config = {"site": site, **(node_config or {})}
        self._start(
            site,
            *(sys.executable, "-m", "deploy.supernode", *AS_ROOT),
            *("--superlink", self.address),
            *("--root-certificates", str(self.certificates.authority)),
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
            [str(Path(sys.executable).parent / "flwr"), *arguments],
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

    def pid(self, name: str) -> int:
        """Return the process number of a process that is there."""
        return self._processes[name].pid

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

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
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
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "FLWR_HOME": str(self.folder / "flwr" / name),
            **ENVIRONMENT,
        }

    def _write_connection(self) -> None:
        home = self.folder / "flwr" / "flwr"
        home.mkdir(parents=True, exist_ok=True)
        (home / "config.toml").write_text(
            f'[superlink]\ndefault = "{NAME}"\n\n[superlink.{NAME}]\n'
            f'address = "{self.control}"\n'
            f"root-certificates = {json.dumps(str(self.certificates.inner))}\n",
            encoding="utf-8",
        )

    def _wait_until_listening(self, name: str, port: int) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.running(name):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.2)
        self.stop(name)
        raise RuntimeError(f"the {name} did not start:\n{self.log(name)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
