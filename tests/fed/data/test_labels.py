from pathlib import Path

import pytest

from fed.config.data import Data
from fed.data.collection import Collection, Row
from fed.data.labels import graded
from fed.errors import ConfigError

CLASSES = ("NO", "AMD", "DME")
EYES = Collection(
    CLASSES, tuple(Row(str(i), str(i), i % 3, Path(f"{i}.png"), None) for i in range(6)), {"bad": 2}
)


def mapped(**labels: str) -> Collection:
    data = Data(source="octdl", path="x", labels=dict(labels))
    return graded(EYES, data, ("absent", "present"))


def test_labels_become_classes_and_the_others_are_counted() -> None:
    collection = mapped(NO="absent", DME="present")
    assert [(row.case_id, row.label) for row in collection.rows] == [
        ("0", 0),
        ("2", 1),
        ("3", 0),
        ("5", 1),
    ]
    assert collection.classes == ("absent", "present")
    assert collection.left_out == {"bad": 2, "with a label that is not mapped": 2}


def test_positions_stand_for_labels_and_classes() -> None:
    assert mapped(**{"0": "0", "2": "1"}) == mapped(NO="absent", DME="present")


def test_without_a_map_nothing_changes() -> None:
    assert graded(EYES, Data(source="octdl", path="x"), ("absent", "present")) is EYES


def test_wrong_maps_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no label 'DMO'; did you mean 'DME'\?"):
        mapped(NO="absent", DMO="present")
    with pytest.raises(ConfigError, match="'NO' is mapped to two classes"):
        mapped(**{"NO": "absent", "0": "present"})
