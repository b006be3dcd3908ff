"""A program of Flower's under watch: no root, nothing fetched, certificates looked at daily."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DAY_S = 24 * 3600.0
ROOT_REFUSED = (
    "this process needs no right of root's, and what it runs came over the network: start it as a "
    "user of its own (docs/deployment.md). For a trial on a machine where everything is root's: "
    "--allow-root"
)
ENVIRONMENT = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
}
"""Nothing is reported to Flower's makers, and nothing installed but what is there."""


def refuse_root(allowed: bool) -> None:
    """End the process if root runs it.

    Raises
    ------
    SystemExit
        With the reason.
    """
    if os.geteuid() == 0 and not allowed:
        sys.exit(ROOT_REFUSED)


def run(
    program: str,
    arguments: Sequence[str],
    remarks: Callable[[], Sequence[str]],
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a program to its end, say daily what is to be said, and return its exit code.

    Parameters
    ----------
    program : str
        Installed beside this interpreter.
    arguments : sequence of str
    remarks : callable
        What its certificates call for today.
    environment : mapping, optional
        Variables beside ``ENVIRONMENT``.
    """
    os.umask(0o077)
    child = subprocess.Popen(
        [str(Path(sys.executable).parent / program), *arguments],
        env={**os.environ, **ENVIRONMENT, **(environment or {})},
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: child.send_signal(received))
    while True:
        say(remarks())
        try:
            return child.wait(DAY_S)
        except subprocess.TimeoutExpired:
            continue


def say(lines: Sequence[str]) -> None:
    """Write lines where the service manager keeps them."""
    for line in lines:
        print(f"WARNING: {line}", file=sys.stderr, flush=True)
