"""Lists of eyes that nobody has graded, and counts of an archive."""

import pytest

from fed.data.ungraded import UngradedEye, read_counts, read_eyes
from fed.errors import ConfigError, DataError
from tests.acceptance.published_collections import gamma


def manifest(tmp_path, text):
    path = tmp_path / "eyes.csv"
    path.write_text(text)
    return path


def test_a_manifest_without_labels_is_read_in_its_order(tmp_path):
    path = manifest(tmp_path, "Case_ID;Patient_ID;oct;fundus\nb;p;s.npy;\na;NA;s2.npy;f.png\n")
    found = read_eyes("manifest", path, "grade")
    assert found.eyes == (
        UngradedEye("b", "p", {"oct": tmp_path / "s.npy"}),
        UngradedEye("a", "a", {"fundus": tmp_path / "f.png", "oct": tmp_path / "s2.npy"}),
    )
    assert found.unreadable == ()


def test_a_manifest_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="no column 'oct'"):
        read_eyes("manifest", manifest(tmp_path, "case_id,fundus\na,f.png\n"), "grade")
    with pytest.raises(DataError, match="cannot be read"):
        read_eyes("manifest", tmp_path / "absent.csv", "grade")


def test_a_published_collection_is_read_from_its_folder(tmp_path):
    written = gamma(tmp_path)
    found = read_eyes("gamma", written.path, "grade")
    assert found.eyes
    for eye in found.eyes:
        assert all(path.exists() for path in eye.images.values())


@pytest.mark.parametrize(
    ("source", "words"), [("gama", "did you mean 'gamma'"), ("phantom", "drawn, not read")]
)
def test_a_source_that_cannot_be_read_is_refused(tmp_path, source, words):
    with pytest.raises(ConfigError, match=words):
        read_eyes(source, tmp_path, "grade")


def test_counts_are_in_the_order_of_the_classes(tmp_path):
    path = manifest(tmp_path, "grade,count\nill,3\nhealthy,10\n")
    assert read_counts(path, ("healthy", "ill")) == (10.0, 3.0)
