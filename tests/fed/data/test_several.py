"""Groups of sites that read from sources of their own."""

import pickle
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from fed.config import Config, dump, resolve
from fed.data.opening import open_own, open_source, prepare_images
from fed.data.origin import pseudo_sites
from fed.errors import ConfigError, DataError
from tests.fed.data.collections.files import picture

PATIENTS = 12


@pytest.fixture
def eyes(tmp_path: Path) -> Callable[..., str]:
    """Write a manifest in a folder of its own: two photographs and two scans a patient."""
    brightness = count(40)

    def write(name: str, labels: tuple[str, ...] = ("none", "some")) -> str:
        folder = tmp_path / name
        lines = ["case_id,patient_id,laterality,fundus,oct,grade"]
        for number in range(PATIENTS):
            for side in "LR":
                eye = f"{number}{side}"
                picture(folder / f"{eye}f.png", next(brightness))
                picture(folder / f"{eye}o.png", next(brightness))
                label = labels[number % len(labels)]
                lines.append(f"{eye},{number},{side},{eye}f.png,{eye}o.png,{label}")
        path = folder / "manifest.csv"
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    return write


def config(*sites: dict[str, Any], **data: Any) -> Config:
    return resolve(
        {
            "task": {"classes": ["none", "some"]},
            "data": {"image_size": 16, "volume_size": [1, 16, 16], **data},
            "sites": [{"modalities": ["fundus", "oct"], **site} for site in sites],
        }
    )


def manifest(path: str, **keys: Any) -> dict[str, Any]:
    return {"source": "manifest", "path": path, **keys}


def test_each_group_has_the_eyes_of_its_own_source(eyes: Callable[..., str]) -> None:
    here = config(
        {"name": "a", "data": manifest(eyes("first"))},
        {"name": "b", "role": "held_out", "data": manifest(eyes("second"))},
        {"name": "drawn", "cases": 5},
    )
    source = open_source(here)
    assert [site.name for site in source.sites] == ["a", "b", "drawn"]
    assert [len(source.open(name)) for name in ("a", "b", "drawn")] == [24, 24, 5]
    first, second = source.open("a"), source.open("b")
    assert (first.images.fundus(0)[0, 0, 0], second.images.fundus(0)[0, 0, 0]) == (40, 88)
    assert [account.read for account in source.accounts] == [24, 24, 5]
    assert resolve(yaml.safe_load(dump(here))) == here
    again = pickle.loads(pickle.dumps(source))
    assert again.open("b").cases == second.cases


def test_what_a_group_does_not_say_is_as_in_data(eyes: Callable[..., str]) -> None:
    here = config(
        {"name": "a", "cases": 0.5},
        {"name": "b", "role": "held_out", "data": {"path": eyes("second"), "label": "laterality"}},
        **manifest(eyes("first"), labels={"none": "none", "some": "some", "L": 0, "R": 1}),
    )
    source = open_source(here)
    assert len(source.open("a")) == 12
    assert source.open("b").card(2).cases["both"] == (12, 12)


def test_groups_of_one_source_share_its_patients_out(
    eyes: Callable[..., str], tmp_path: Path
) -> None:
    path = eyes("first")
    roundabout = str(Path(path).parent / ".." / "first" / "manifest.csv")
    here = config(
        {"name": "a", "count": 2, "data": manifest(path), "cases": 0.5},
        {"name": "b", "role": "held_out", "data": manifest(roundabout), "cases": 0.5},
        {"name": "c", "role": "held_out", "data": manifest(eyes("second"))},
    )
    source = open_source(here)
    held = {s.name: {c.patient_id for c in source.open(s.name).cases} for s in source.sites}
    assert [len(held[name]) for name in ("a-1", "a-2", "b", "c")] == [3, 3, 6, 12]
    assert not held["b"] & (held["a-1"] | held["a-2"])
    words = pseudo_sites(here)
    assert words is not None
    assert words.startswith("the sites are parts of one collection (manifest)")


def test_one_source_is_read_in_one_way(eyes: Callable[..., str]) -> None:
    path = eyes("first")
    here = config(
        {"name": "a", "data": manifest(path), "cases": 0.5},
        {"name": "b", "role": "held_out", "data": manifest(path, require=["oct"]), "cases": 0.5},
    )
    with pytest.raises(ConfigError, match=r"sites\.b\.data: reads .* in another way than sites\.a"):
        open_source(here)


def test_labels_differ_from_source_to_source(eyes: Callable[..., str]) -> None:
    here = config(
        {"name": "a", "data": manifest(eyes("first"))},
        {
            "name": "b",
            "role": "held_out",
            "data": manifest(eyes("second", ("0", "1", "2")), labels={0: "none", 2: "some"}),
        },
    )
    source = open_source(here)
    assert source.open("b").card(2).cases["both"] == (8, 8)
    words = [account.words for account in source.accounts]
    assert words[0].endswith("24 rows read: 24 used")
    assert words[1].endswith("24 rows read: 16 used, 8 with a label that is not mapped")


def test_a_worker_that_opens_one_site_reads_no_other_source(eyes: Callable[..., str]) -> None:
    gone = eyes("second")
    here = config(
        {"name": "a", "data": manifest(eyes("first"))},
        {"name": "b", "role": "held_out", "data": manifest(gone)},
    )
    Path(gone).unlink()
    assert len(open_source(here, check=False).open("a")) == 24
    with pytest.raises(DataError, match="cannot be read"):
        open_source(here)


def test_in_a_deployment_a_site_has_only_its_own(eyes: Callable[..., str]) -> None:
    keys = {"labels": {0: "none", 2: "some"}}
    here = config(
        {"name": "a", "data": manifest("/a/hospital/has/it.csv")},
        {"name": "b", "role": "held_out", "data": manifest("/another/has/it.csv", **keys)},
        {"name": "drawn", "cases": 5},
    )
    own = open_own(here, "b", eyes("second", ("0", "1", "2")))
    own.check()
    assert own.open("b").card(2).cases["both"] == (8, 8)
    assert [site.name for site in own.sites] == ["b"]
    with pytest.raises(ConfigError, match="drawn, not read"):
        open_own(here, "drawn", "/eyes")


def test_the_same_bytes_in_two_sources_are_named(eyes: Callable[..., str], tmp_path: Path) -> None:
    paths = eyes("first"), eyes("second")
    (tmp_path / "second" / "3Lf.png").write_bytes((tmp_path / "first" / "5Rf.png").read_bytes())
    here = config(
        {"name": "a", "data": manifest(paths[0])},
        {"name": "b", "role": "held_out", "data": manifest(paths[1])},
    )
    (warning,) = (w for w in open_source(here).warnings if "of one colour" not in w)
    assert warning.startswith("1 image is the same, byte for byte, at a held-out and at a training")
    assert "second/3Lf.png and " in warning
    assert "first/5Rf.png" in warning


def test_a_source_that_tells_the_label_is_named(eyes: Callable[..., str]) -> None:
    here = config(
        {"name": "a", "data": manifest(eyes("first", ("none",)))},
        {"name": "b", "data": manifest(eyes("second", ("some",)))},
        {"name": "c", "role": "held_out", "data": manifest(eyes("the-third"))},
    )
    warnings = [w for w in open_source(here).warnings if "of one colour" not in w]
    assert len(warnings) == 2
    assert all("'data source' alone predicts the label" in words for words in warnings)


def test_an_image_of_two_sources_is_refused(eyes: Callable[..., str], tmp_path: Path) -> None:
    paths = eyes("first"), eyes("second")
    text = Path(paths[1]).read_text().replace(",3Lf.png", ",../first/3Lf.png")
    Path(paths[1]).write_text(text)
    here = config(
        {"name": "a", "data": manifest(paths[0])},
        {"name": "b", "role": "held_out", "data": manifest(paths[1])},
    )
    with pytest.raises(DataError, match=r"first/3Lf\.png: given by both manifest .* and manifest"):
        open_source(here)


def test_all_sources_are_prepared_in_one_folder(eyes: Callable[..., str], tmp_path: Path) -> None:
    here = config(
        {"name": "a", "data": manifest(eyes("first"))},
        {"name": "b", "role": "held_out", "data": manifest(eyes("second"))},
        prepared=str(tmp_path / "prepared"),
    )
    assert prepare_images(here, 1) > 24
    assert prepare_images(here, 1) == 0
    prepared = open_source(here)
    plain = open_source(
        here.model_copy(update={"data": here.data.model_copy(update={"prepared": None})})
    )
    for name in ("a", "b"):
        mine, theirs = prepared.open(name), plain.open(name)
        assert mine.images.mapped
        np.testing.assert_array_equal(mine.images.fundus(3), theirs.images.fundus(3))


def test_frozen_encoders_read_every_source(eyes: Callable[..., str]) -> None:
    plain = config(
        {"name": "a", "data": manifest(eyes("first"))},
        {"name": "b", "role": "held_out", "data": manifest(eyes("second"))},
    )
    frozen = resolve({**plain.model_dump(), "model": {"frozen": {"fundus": {"encoder": "own"}}}})
    source = open_source(frozen, check=False)
    features = [source.open(name).images.fundus(0) for name in ("a", "b")]
    assert features[0].ndim == 1
    assert features[0].shape == features[1].shape
    assert not np.array_equal(*features)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"source": "gamna", "path": "x"}, r"sites\.0\.data\.source: unknown source 'gamna'; did"),
        ({"source": "gamma"}, r"sites\.a\.data\.path is needed beside its source"),
        (manifest("x", labels={"0": "healthy"}), r"sites\.a\.data\.labels: 'healthy' is no class"),
        (manifest("x", labels={False: "none"}), r"YAML reads a label here as false; .*quotes"),
        ({"labels": {"a": "none"}}, r"sites\.a\.data\.labels: phantom eyes are drawn"),
        (
            {"path": "x.csv"},
            r"sites\.a\.data\.path: phantom eyes are drawn, not read; give its source",
        ),
        ({"image_size": 32}, r"sites\.0\.data\.image_size: unknown key"),
    ],
)
def test_what_is_wrong_with_a_groups_source_is_said(data: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config({"name": "a", "data": data}, {"name": "b", "role": "held_out"})


def test_a_group_with_a_source_of_its_own_has_all_of_it_unless_it_says_otherwise() -> None:
    here = config(
        {"name": "a", "data": manifest("x")},
        {"name": "b", "data": manifest("x"), "cases": 7},
        {"name": "c", "role": "held_out", "data": {"source": "phantom"}, "cases": 3},
    )
    assert [group.cases for group in here.sites] == [1.0, 7, 3]
