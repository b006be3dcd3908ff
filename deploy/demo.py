"""`make deploy-demo`: a federation deployed on this machine, from certificates to report.

Certificates, keys and Flower's state are made in a temporary folder, and gone at the end.
"""

import signal
import sys
import tempfile
import time
from pathlib import Path

from deploy.loopback import Loopback
from fed.config import load
from fed.data.groups import expand
from fed.storage import set_aside

CONFIG = "configs/deploy.yaml"
OUT = Path("runs/deploy")
RUN_S = 900.0
REFUSAL_S = 60.0


def main() -> int:
    """Run the demonstration; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    sites = [site.name for site in expand(load([Path(CONFIG)]).sites)]
    set_aside(OUT)
    with (
        tempfile.TemporaryDirectory(prefix="fedrima-deploy-") as folder,
        Loopback(Path(folder)) as federation,
    ):
        print("SuperLink: on this machine only, registered SuperNodes only", flush=True)
        print("proxy: TLS, calls of SuperNodes only", flush=True)
        for site in sites:
            federation.register(site)
            federation.start_supernode(site)
            print(f"SuperNode: {site}", flush=True)
        federation.start_supernode("stranger")
        print(f"a SuperNode that nobody registered: {_fate(federation, 'stranger')}")
        print("running; this takes a few minutes", flush=True)
        log = federation.run({"config": CONFIG, "out": str(OUT.resolve())}, RUN_S)
    report = OUT / "report.html"
    if not report.exists():
        print(f"{log}\nthe run failed; see above", file=sys.stderr)
        return 3
    print(f"report: {report}")
    return 0


def _fate(federation: Loopback, name: str) -> str:
    end = time.monotonic() + REFUSAL_S
    while federation.running(name) and time.monotonic() < end:
        time.sleep(0.5)
    return "still running" if federation.running(name) else "refused"


if __name__ == "__main__":
    sys.exit(main())
