import pytest

from fed.config import resolve
from fed.config.data import GroupData, numbers, plain
from fed.config.schema import Data
from fed.errors import ConfigError

SITES = [
    {"name": "a", "modalities": ["fundus", "oct"], "cases": 1},
    {"name": "b", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 1},
]


def test_labels_are_written_as_names_or_positions():
    assert numbers(["none", "some"]) == {"none": 0, "some": 1, "0": 0, "1": 1}
    assert numbers(["1", "2"]) == {"1": 0, "2": 1}


@pytest.mark.parametrize(
    ("label", "found"),
    [("1.0", "1"), ("-1.0", "-1"), ("2.", "2"), ("1.5", "1.5"), ("a.0", "a.0"), (".0", ".0")],
)
def test_whole_numbers_lose_the_fraction_of_spreadsheets(label, found):
    assert plain(label) == found


def test_labels_that_yaml_takes_for_numbers_are_texts():
    data = Data(source="idrid", path="x", labels={0: "absent", 2.0: "present"})
    assert data.labels == {"0": "absent", "2": "present"}


def test_a_group_says_what_differs():
    shared = Data(source="manifest", path="eyes.csv", label="dme", image_size=96)
    own = GroupData(source="octdl", path="OCTDL", require=[]).over(shared)
    assert (own.source, own.path, own.label, own.image_size) == ("octdl", "OCTDL", "dme", 96)
    assert GroupData().over(shared) == shared


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"source": "octld", "path": "x"},
            "data.source: unknown source 'octld'; did you mean 'octdl'",
        ),
        ({"source": "octdl"}, "data.path is needed where data.source is octdl"),
        ({"source": "octdl", "path": "x", "labels": {}}, "data.labels"),
        (
            {"source": "octdl", "path": "x", "labels": {"AMD": "ill"}},
            "data.labels: 'ill' is no class",
        ),
        (
            {"source": "octdl", "path": "x", "labels": {False: "0"}},
            "data.labels: YAML reads a label",
        ),
    ],
)
def test_what_is_wrong_is_said(data, words):
    with pytest.raises(ConfigError) as caught:
        resolve({"data": data, "sites": SITES})
    assert words in str(caught.value)


def test_only_phantoms_have_versions():
    assert resolve({"sites": SITES, "data": {"version": 2}}).data.version == 2
    real = {"source": "manifest", "path": "eyes.csv", "version": 2}
    with pytest.raises(ConfigError, match=r"data\.version: real eyes are read, not drawn"):
        resolve({"sites": SITES, "data": real})
    phantom = SITES[0] | {"data": {"source": "phantom"}}
    with pytest.raises(ConfigError, match=r"data\.version: allowed: 1, 2; got 3"):
        resolve({"sites": [phantom, SITES[1]], "data": {"version": 3}})
