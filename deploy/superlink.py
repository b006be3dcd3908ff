"""Start the coordinator's SuperLink as hospitals need it: `python -m deploy.superlink`.

It listens on this machine alone, since Flower serves nodes, control and runtime on one port and
asks nobody for a credential of control. What hospitals reach is the proxy of `deploy/nginx.conf`.
It takes registered SuperNodes only, and remembers them on disk.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy import expiry, watched

PORT = 9091


def arguments_of(certificates: Path, state: Path, port: int) -> list[str]:
    """Return the arguments of `flower-superlink`.

    Parameters
    ----------
    certificates : Path
        Folder of ``inner.pem`` and ``inner.key``.
    state : Path
        Folder of the database.
    port : int
        On 127.0.0.1.
    """
    inner = certificates / "inner.pem"
    return [
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--ssl-certfile", str(inner), "--ssl-keyfile", str(inner.with_suffix(".key"))),
        *("--ssl-ca-certfile", str(inner)),
        "--enable-supernode-auth",
        *("--database", str(state / "superlink.db")),
        "--disable-runtime-dependency-installation",
    ]


def main(given: Sequence[str]) -> int:
    """Run the SuperLink until it is stopped; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.superlink", description=__doc__)
    parser.add_argument(
        "--certificates", type=Path, required=True, help="folder of inner.pem, server.pem"
    )
    parser.add_argument("--state", type=Path, required=True, help="folder of what it remembers")
    parser.add_argument("--port", type=int, default=PORT, help=f"on 127.0.0.1 (default {PORT})")
    parser.add_argument("--allow-root", action="store_true")
    options = parser.parse_args(given)
    watched.refuse_root(options.allow_root)
    certificates, state = options.certificates.resolve(), options.state.resolve()
    shown = [certificates / "server.pem", certificates / "inner.pem"]

    def remarks() -> list[str]:
        return expiry.remarks(validity for path in shown for validity in expiry.of_file(path))

    try:
        remarks()
        state.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    arguments = arguments_of(certificates, state, options.port)
    return watched.run("flower-superlink", arguments, remarks, {"FLWR_HOME": str(state / "flwr")})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
