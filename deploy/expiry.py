"""When certificates end: told a month before, and named once it is past.

A TLS library says "handshake failed" to both sides, and Flower passes that on as "connection
unavailable". So both ends look at the dates themselves, at start and daily.

    python -m deploy.expiry FILE|HOST:PORT ...

prints what is to be said of each, and ends with 1 if one ends within a month.
"""

import datetime
import socket
import ssl
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

NOTICE = datetime.timedelta(days=30)
CONNECT_S = 10.0


@dataclass(frozen=True)
class Validity:
    """Whose certificate is valid from when to when.

    Attributes
    ----------
    whose : str
        The file, or the address that showed it.
    """

    whose: str
    begins: datetime.datetime
    ends: datetime.datetime

    def valid(self, now: datetime.datetime) -> bool:
        """Return whether a connection that rests on it can be made."""
        return self.begins <= now <= self.ends

    def remark(self, now: datetime.datetime) -> str | None:
        """Return what somebody should know of it, if anything."""
        if now < self.begins:
            return (
                f"the certificate of {self.whose} is valid from {self.begins:%Y-%m-%d} on, and "
                f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC"
            )
        if now > self.ends:
            return (
                f"the certificate of {self.whose} has ended, on {self.ends:%Y-%m-%d %H:%M} UTC: "
                "nothing connects until it is renewed (docs/deployment.md, Certificates)"
            )
        if self.ends - now < NOTICE:
            return (
                f"the certificate of {self.whose} ends on {self.ends:%Y-%m-%d}, in "
                f"{(self.ends - now).days} days: renew it (docs/deployment.md, Certificates)"
            )
        return None


def of_file(path: Path) -> list[Validity]:
    """Return the validity of each certificate in a PEM file.

    Raises
    ------
    ValueError
        If it holds none, by name.
    OSError
        If it cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not a certificate in PEM form ({error})") from error
    return [_validity(str(path), certificate) for certificate in found]


def of_server(address: str) -> Validity:
    """Return the validity of what a server shows, valid or not.

    Nothing is trusted here: whether the server is the right one is decided by those who then
    connect to it.

    Parameters
    ----------
    address : str
        ``HOST:PORT``.

    Raises
    ------
    OSError
        If it cannot be reached, or does not speak TLS.
    """
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host = host.strip("[]")
    with (
        socket.create_connection((host, int(port)), timeout=CONNECT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
    if shown is None:
        raise OSError(f"{address} shows no certificate")
    return _validity(address, x509.load_der_x509_certificate(shown))


def remarks(validities: Iterable[Validity]) -> list[str]:
    """Return what is to be said of certificates today."""
    now = datetime.datetime.now(datetime.UTC)
    return [remark for validity in validities if (remark := validity.remark(now))]


def main(arguments: Sequence[str]) -> int:
    """Print what is to be said of files and servers; return the exit code."""
    said = []
    for name in arguments:
        try:
            path = Path(name)
            found = of_file(path) if path.exists() else [of_server(name)]
        except (OSError, ValueError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 2
        said += remarks(found)
        print(f"{name}: ends on {min(validity.ends for validity in found):%Y-%m-%d}")
    print("\n".join(said), file=sys.stderr)
    return 1 if said else 0


def _validity(whose: str, certificate: x509.Certificate) -> Validity:
    return Validity(whose, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
