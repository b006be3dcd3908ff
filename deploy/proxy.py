"""The proxy of `nginx.conf`, on ports of one's own; for trials on one machine."""

import os
import shutil
from pathlib import Path

CONFIGURATION = Path(__file__).parent / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
"""None where it is not installed."""


def command(folder: Path, listen: str, superlink: str) -> list[str]:
    """Return what starts the proxy of a real deployment, with other addresses.

    Parameters
    ----------
    folder : Path
        Of the certificates; gets the configuration and temporary files.
    listen, superlink : str
        ``HOST:PORT`` that hospitals reach, and of the SuperLink behind.

    Raises
    ------
    RuntimeError
        If nginx is not installed, or the configuration is not the one that this knows.
    """
    if NGINX is None:
        raise RuntimeError("nginx is not installed: apt-get install nginx-light")
    text = CONFIGURATION.read_text(encoding="utf-8")
    # As root, nginx gives its workers to another user, who may not enter this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    for there, here in (
        ("listen 9092 ssl;", f"listen {listen} ssl;"),
        ("server 127.0.0.1:9091;", f"server {superlink};"),
        ("daemon off;", f"daemon off; {user}"),
    ):
        if text.count(there) != 1:
            raise RuntimeError(f"{CONFIGURATION}: {there!r} is not there once")
        text = text.replace(there, here)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    (folder / "proxy").mkdir(exist_ok=True)
    return [NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder / "proxy")]
