"""Ids as they leave a deployed site: keyed, with a key that stays there.

Without the key nobody can try ids until one fits, as with a plain hash; with it the site finds its
own cases again. The same id has the same pseudonym in every run of the site.
"""

import hashlib
import hmac
import os
import secrets
from dataclasses import replace
from pathlib import Path

from fed.errors import DataError
from fed.protocol import Scores

KEY_BYTES = 32
ID_LENGTH = 32
"""Hexadecimal digits of a pseudonym: 128 bits, so that no two ids of a site share one."""


def site_key(path: Path) -> bytes:
    """Return the key in a file, made at random where there is none, for its owner alone to read.

    Raises
    ------
    DataError
        If it cannot be read or made, others may read it, or it holds no key.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise DataError(f"{path}: others may read this key; allowed: mode 0600")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise DataError(f"{path}: no key of pseudonyms: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path}: holds no key; expected hexadecimal digits") from None
    if len(key) < KEY_BYTES:
        raise DataError(f"{path}: a key of {len(key)} bytes; at least {KEY_BYTES} are needed")
    return key


def _make(path: Path) -> None:
    """Write a key whole or not at all; whoever else was first wins."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(KEY_BYTES) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return
    finally:
        unfinished.unlink()


def pseudonym(key: bytes, kind: str, name: str) -> str:
    """Return what stands for an id of a kind: HMAC-SHA256 (RFC 2104), cut."""
    return hmac.new(key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()[:ID_LENGTH]


def pseudonymous(scores: Scores, key: bytes) -> Scores:
    """Return scores under pseudonyms of cases and patients."""
    return replace(
        scores,
        case_ids=tuple(pseudonym(key, "case", name) for name in scores.case_ids),
        patient_ids=tuple(pseudonym(key, "patient", name) for name in scores.patient_ids),
    )
