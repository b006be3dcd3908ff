"""A site that reads its own data holds what the federation's data would have given it."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fed.config import Config
from fed.data.opening import open_own, open_source
from fed.errors import ConfigError, DataError

HEADER = "case_id,patient_id,laterality,fundus,oct,grade,place"
Configuration = Callable[..., Config]
Manifest = Callable[..., Path]
SITES = [
    {"name": "clinic", "modalities": {"fundus": 1.0, "oct": 0.5}, "cases": ["A"]},
    {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": ["B"]},
]


@pytest.fixture
def config(configuration: Configuration, manifest: Manifest) -> Config:
    manifest(
        HEADER,
        *(f"{i},{i},OD,{i}f.png,{i}o.png,{i % 2},{'AB'[i % 2 if i < 8 else 0]}" for i in range(12)),
    )
    return configuration(sites=SITES, site_column="place")


def own_manifest(config: Config, place: str, column: bool) -> str:
    whole = Path(config.data.path or "")
    rows = [row for row in csv.DictReader(whole.open()) if row["place"] == place]
    names = [name for name in rows[0] if column or name != "place"]
    own = whole.with_name(f"own-{place}-{column}.csv")
    with own.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return str(own)


@pytest.mark.parametrize("column", [True, False])
def test_own_manifest_gives_the_same_site(config: Config, column: bool) -> None:
    whole = open_source(config)
    for name, place in (("clinic", "A"), ("unseen", "B")):
        expected, found = (
            whole.open(name),
            open_own(config, name, own_manifest(config, place, column)).open(name),
        )
        assert found.cases == expected.cases
        assert found.site == expected.site
        np.testing.assert_array_equal(found.images.fundus(0), expected.images.fundus(0))


def test_rows_and_images_of_others_are_left_alone(config: Config) -> None:
    whole = Path(config.data.path or "")
    rows = list(csv.DictReader(whole.open()))
    for row in rows:
        if row["place"] == "B":
            (whole.parent / row["fundus"]).unlink()
    source = open_own(config, "clinic", str(whole))
    source.check()
    assert {case.patient_id for case in source.open("clinic").cases} == {
        row["patient_id"] for row in rows if row["place"] == "A"
    }
    with pytest.raises(DataError, match="4 bad image files"):
        open_own(config, "unseen", str(whole)).check()


def test_nobody_elses_manifest(config: Config) -> None:
    path = own_manifest(config, "B", column=True)
    with pytest.raises(DataError, match="no row has 'A' in column 'place', as site clinic needs"):
        open_own(config, "clinic", path)


def test_phantom_eyes_are_nowhere(config: Config) -> None:
    drawn = config.model_copy(update={"data": config.data.model_copy(update={"source": "phantom"})})
    with pytest.raises(ConfigError, match="drawn, not read"):
        open_own(drawn, "clinic", "/eyes")
