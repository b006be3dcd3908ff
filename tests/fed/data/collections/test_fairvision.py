from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fed.config import Config
from fed.data.collections import fairvision
from fed.data.opening import open_source
from fed.errors import ConfigError, DataError

Write = Callable[..., None]

AMD = {
    "not.in.icd.table": "healthy",
    "no.amd.diagnosis": "healthy",
    "early.dry": "early",
    "intermediate.dry": "intermediate",
    "advanced.atrophic.dry.with.subfoveal.involvement": "late",
    "advanced.atrophic.dry.without.subfoveal.involvement": "late",
    "wet.amd.active.choroidal.neovascularization": "late",
    "wet.amd.inactive.choroidal.neovascularization": "late",
    "wet.amd.inactive.scar": "late",
}
DR = {
    "not.in.icd.table": "non-vision-threatening",
    "no.dr.diagnosis": "non-vision-threatening",
    "mild.npdr": "non-vision-threatening",
    "moderate.npdr": "non-vision-threatening",
    "severe.npdr": "vision-threatening",
    "pdr": "vision-threatening",
}


@pytest.fixture
def glaucoma(tmp_path: Path, npz: Write) -> Path:
    """Cases 1 to 12, glaucoma where the number is odd, six of them Black."""
    for number in range(1, 13):
        split = "Training" if number <= 6 else "Validation" if number <= 8 else "Test"
        path = tmp_path / "Glaucoma" / split / f"data_{number:05}.npz"
        npz(path, 10 * number, glaucoma=float(number % 2), race=1 if number % 4 < 2 else 2)
    return tmp_path


@pytest.mark.parametrize(
    ("label", "folder", "key", "meanings"),
    [("amd", "AMD", "amd_condition", AMD), ("dr", "DR", "dr_subtype", DR)],
)
def test_every_diagnosis_has_its_grade(
    label: str, folder: str, key: str, meanings: dict[str, str], tmp_path: Path, npz: Write
) -> None:
    for number, diagnosis in enumerate(meanings):
        npz(tmp_path / folder / "Training" / f"data_{number:05}.npz", 9, **{key: diagnosis})
    collection = fairvision.read(tmp_path, label)
    grades = [collection.classes[row.label] for row in collection.rows]
    assert grades == list(meanings.values())


@pytest.mark.usefixtures("shuffled")
def test_cases_with_official_splits_and_demographics(glaucoma: Path) -> None:
    collection = fairvision.read(glaucoma, "glaucoma")
    assert collection.classes == ("healthy", "glaucoma")
    assert [row.case_id for row in collection.rows] == [f"{number:05}" for number in range(1, 13)]
    assert [row.label for row in collection.rows] == [1, 0] * 6
    assert [row.split for row in collection.rows] == ["train"] * 6 + ["val"] * 2 + ["test"] * 4
    assert dict(collection.rows[0].attributes) == {
        "race": "Black",
        "male": "female",
        "hispanic": "non-Hispanic",
        "maritalstatus": "legally separated",
        "language": "",
    }


def test_a_demographic_group_is_a_site_and_its_pixels_come_from_the_archive(
    glaucoma: Path, configuration: Callable[..., Config]
) -> None:
    sites = (
        {"name": "one", "modalities": ["fundus", "oct"], "cases": ["White"]},
        {"name": "two", "role": "held_out", "modalities": ["fundus", "oct"], "cases": ["Black"]},
    )
    source = open_source(
        configuration(
            sites,
            ("healthy", "glaucoma"),
            source="fairvision",
            path=str(glaucoma),
            label="glaucoma",
            site_column="race",
            volume_size=[4, 20, 20],
        )
    )
    white, black = (source.open(site.name) for site in source.sites)
    assert {int(case.case_id) % 4 for case in white.cases} == {2, 3}
    assert {int(case.case_id) % 4 for case in black.cases} == {0, 1}
    for index, case in enumerate(white.cases):
        number = int(case.case_id)
        assert (white.images.fundus(index) == 10 * number).all()
        slices = white.images.oct(index)[:, 0, 0]
        np.testing.assert_array_equal(slices, 10 * number + np.arange(4))


@pytest.mark.parametrize("race", [-1, -1.0, float("nan")])
def test_eyes_of_unknown_race_are_counted(
    race: float, glaucoma: Path, npz: Write, configuration: Callable[..., Config]
) -> None:
    for number in (1, 2, 3):
        npz(glaucoma / f"Glaucoma/Training/data_{number:05}.npz", 9, glaucoma=number % 2, race=race)
    sites = (
        {"name": "one", "modalities": ["fundus", "oct"], "cases": ["White"]},
        {"name": "two", "role": "held_out", "modalities": ["fundus", "oct"], "cases": ["Black"]},
    )
    source = open_source(
        configuration(
            sites,
            ("healthy", "glaucoma"),
            source="fairvision",
            path=str(glaucoma),
            label="glaucoma",
            site_column="race",
        )
    )
    (account,) = source.accounts
    assert account.words.endswith("12 rows read: 9 used, 3 without a value in 'race'")


def test_bad_files_are_named_together_with_a_count(glaucoma: Path, npz: Write) -> None:
    folder = glaucoma / "Glaucoma" / "Training"
    truncated = folder / "data_00001.npz"
    truncated.write_bytes(truncated.read_bytes()[:300])
    npz(folder / "data_00002.npz", 9, glaucoma=1, oct_bscans=None)
    npz(folder / "data_00003.npz", 9)
    npz(folder / "data_00004.npz", 9, glaucoma=2)
    npz(folder / "data_00005.npz", 9, glaucoma=float("nan"))
    npz(folder / "data_00006.npz", 9, glaucoma=np.array({"a": 1}, dtype=object))
    with pytest.raises(DataError) as caught:
        fairvision.read(glaucoma, "glaucoma")
    start, *troubles = str(caught.value).replace(" bad files: ", "; ").split("; ")
    assert start == f"{glaucoma / 'Glaucoma'}: 6"
    expected = [
        "damaged or truncated",
        "holds no oct_bscans",
        "holds no glaucoma",
        "glaucoma is '2'",
        "glaucoma is 'nan'",
        "damaged or truncated",
    ]
    for number, (trouble, reason) in enumerate(zip(troubles, expected, strict=True), 1):
        assert trouble.startswith(f"{folder / f'data_{number:05}.npz'}: {reason}")


def test_a_damaged_scan_inside_a_good_archive_is_found_before_training(
    glaucoma: Path, configuration: Callable[..., Config]
) -> None:
    path = glaucoma / "Glaucoma" / "Test" / "data_00010.npz"
    content = bytearray(path.read_bytes())
    middle = content.index(b"oct_bscans.npy") + 900
    content[middle] ^= 255
    path.write_bytes(content)
    config = configuration(
        classes=("healthy", "glaucoma"), source="fairvision", path=str(glaucoma), label="glaucoma"
    )
    with pytest.raises(DataError, match=r"1 bad image file: .*data_00010\.npz/oct_bscans"):
        open_source(config)


def test_an_unknown_diagnosis_is_refused_with_those_allowed(tmp_path: Path, npz: Write) -> None:
    npz(tmp_path / "DR" / "Test" / "data_00001.npz", 9, dr_subtype="npdr")
    with pytest.raises(
        DataError, match=r"dr_subtype is 'npdr' \(allowed: not\.in\.icd\.table, .*pdr\)"
    ):
        fairvision.read(tmp_path, "dr")


def test_no_cases_and_unknown_diseases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data_XXXXX\.npz in any of its folders Training"):
        fairvision.read(tmp_path, "amd")
    with pytest.raises(ConfigError, match=r"data\.label: 'myopia'"):
        fairvision.read(tmp_path, "myopia")
