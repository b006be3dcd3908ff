"""Certificates and keys for a federation on one machine, valid for a season.

For a real deployment see docs/deployment.md: there a certificate authority signs, and every site
makes its own key. File names are those that `deploy.superlink` and `deploy/nginx.conf` read.
"""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
SEASON = 90 * DAY
LOOPBACK = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
)


@dataclass(frozen=True)
class Certificates:
    """Files that the two ends read.

    Attributes
    ----------
    authority : Path
        ``ca.pem``, which goes to every hospital.
    server : Path
        ``server.pem``, what the proxy shows them; its key lies beside it.
    inner : Path
        ``inner.pem``, by which the proxy and `flwr` on the coordinator know the SuperLink.
    """

    authority: Path
    server: Path
    inner: Path


@dataclass(frozen=True)
class NodeKey:
    """Files of the key pair by which a SuperLink knows a SuperNode."""

    private: Path
    public: Path


def make_certificates(folder: Path, lasting: datetime.timedelta = SEASON) -> Certificates:
    """Write an authority, a certificate of 127.0.0.1 signed by it, and the SuperLink's own.

    Parameters
    ----------
    folder : Path
    lasting : timedelta
        Until the proxy's certificate ends; below zero it has ended.
    """
    now = datetime.datetime.now(datetime.UTC)
    authority_key, server_key, inner_key = (
        ec.generate_private_key(ec.SECP384R1()) for _ in range(3)
    )
    authority = _signed("FedRIMA loopback", authority_key, now + SEASON, authority=True)
    server = _signed("127.0.0.1", server_key, now + lasting, by=(authority, authority_key))
    inner = _signed("SuperLink", inner_key, now + SEASON)
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "inner.pem")
    for path, certificate in (
        (files.authority, authority),
        (files.server, server),
        (files.inner, inner),
    ):
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
    _write_private(files.server.with_suffix(".key"), server_key, PrivateFormat.PKCS8)
    _write_private(files.inner.with_suffix(".key"), inner_key, PrivateFormat.PKCS8)
    return files


def make_node_key(folder: Path, name: str) -> NodeKey:
    """Write a key pair as `ssh-keygen -t ecdsa -b 384` does."""
    key = ec.generate_private_key(ec.SECP384R1())
    files = NodeKey(folder / f"{name}.key", folder / f"{name}.key.pub")
    _write_private(files.private, key, PrivateFormat.OpenSSH)
    files.public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return files


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    ends: datetime.datetime,
    *,
    by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
    authority: bool = False,
) -> x509.Certificate:
    """Return a certificate; without ``by`` it signs itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = (by[0].subject, by[1]) if by else (subject, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - 2 * SEASON)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(LOOPBACK), critical=False)
    return builder.sign(signing, hashes.SHA384())


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey, form: PrivateFormat) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
