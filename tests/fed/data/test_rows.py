from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fed.config import Config
from fed.data.collection import Collection, Row
from fed.data.rows import RowsSource
from fed.errors import ConfigError, DataError

SITES = (
    {"name": "both", "modalities": ["fundus", "oct"], "cases": ["train"]},
    {"name": "screen", "modalities": ["fundus"], "count": 2, "cases": ["train"]},
    {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": ["test"]},
)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Eyes whose two modalities are arrays of one archive, in two official splits."""
    rows = []
    for number in range(24):
        archive = tmp_path / f"data_{number}.npz"
        np.savez(
            archive,
            slo=np.full((20, 20), number, np.uint8),
            bscans=np.full((3, 20, 20), 100 + number, np.uint8),
        )
        rows.append(
            Row(
                case_id=f"{number:02d}",
                patient_id=f"{number:02d}",
                label=number % 2,
                fundus=archive / "slo",
                oct=archive / "bscans",
                split="test" if number < 6 else "train",
                attributes={"device": "a"},
            )
        )
    return Collection(("none", "some"), tuple(rows))


def test_official_splits_are_kept(
    configuration: Callable[..., Config], collection: Collection
) -> None:
    source = RowsSource(configuration(SITES, site_column="split"), collection)
    source.check()
    held = {site.name: source.open(site.name) for site in source.sites}
    assert {case.case_id for case in held["unseen"].cases} == {f"{i:02d}" for i in range(6)}
    assert [len(held[name]) for name in ("both", "screen-1", "screen-2")] == [6, 6, 6]
    for cases in held.values():
        for index, case in enumerate(cases.cases):
            assert (cases.images.fundus(index) == int(case.case_id)).all()
            if "oct" in case.modalities:
                assert (cases.images.oct(index) == 100 + int(case.case_id)).all()


def test_classes_of_task_and_collection_agree(
    configuration: Callable[..., Config], collection: Collection
) -> None:
    inverted = configuration(SITES, classes=("some", "none"), site_column="split")
    with pytest.raises(ConfigError, match=r"task\.classes: \[some, none\].*\[none, some\]"):
        RowsSource(inverted, collection)


def test_damaged_archives_are_named(
    configuration: Callable[..., Config], collection: Collection, tmp_path: Path
) -> None:
    archive = tmp_path / "data_3.npz"
    archive.write_bytes(archive.read_bytes()[:300])
    source = RowsSource(configuration(SITES, site_column="split"), collection)
    with pytest.raises(DataError, match=r"2 bad image files: .*data_3\.npz/slo"):
        source.check()
    archive.unlink()
    with pytest.raises(DataError, match=r"data_3\.npz/slo: .*No such file"):
        source.check()
