"""Ids leave under a key that is made once, for its owner's eyes, and stays."""

import hashlib
import hmac
from pathlib import Path

import numpy as np
import pytest

from clients.pseudonyms import pseudonym, pseudonymous, site_key
from fed.errors import DataError
from fed.protocol import Scores


def scores(*ids: str) -> Scores:
    labels = np.zeros(len(ids), dtype=np.int64)
    return Scores("clinic", ids, tuple(f"p-{name}" for name in ids), labels, {}, {})


def test_a_key_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "own" / "clinic.key"
    key = site_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert len(key) == 32
    assert site_key(path) == key
    assert [found.name for found in path.parent.iterdir()] == ["clinic.key"]
    assert site_key(tmp_path / "other.key") != key


def test_a_pseudonym_is_the_hmac_of_its_kind_and_id() -> None:
    expected = hmac.new(b"k" * 32, b"case\0eye-7", hashlib.sha256).hexdigest()[:32]
    assert pseudonym(b"k" * 32, "case", "eye-7") == expected


def test_nothing_of_an_id_is_left_and_one_stands_for_one() -> None:
    ids = tuple(f"Müller, {number}" for number in range(500))
    told = pseudonymous(scores(*ids), b"k" * 32)
    assert len(set(told.case_ids)) == len(set(told.patient_ids)) == 500
    assert not set(told.case_ids) & set(told.patient_ids)
    assert not any("ller" in name for name in told.case_ids + told.patient_ids)
    again = pseudonymous(scores(*ids[::-1]), b"k" * 32)
    assert again.case_ids == told.case_ids[::-1]
    assert not set(pseudonymous(scores(*ids), b"l" * 32).case_ids) & set(told.case_ids)


def test_the_patients_of_cases_stay_together() -> None:
    given = scores("a", "b", "c")
    given = Scores(given.site, given.case_ids, ("p", "q", "p"), given.labels, {}, {})
    told = pseudonymous(given, b"k" * 32).patient_ids
    assert told[0] == told[2] != told[1]


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("ab" * 32, 0o644, "allowed: mode 0600"),
        ("ab" * 8, 0o600, "a key of 8 bytes"),
        ("secret", 0o600, "holds no key"),
    ],
)
def test_a_key_that_keeps_no_secret_is_refused(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    path = tmp_path / "clinic.key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(DataError, match=words):
        site_key(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"clinic\.key"):
        site_key(tmp_path / "file" / "clinic.key")
