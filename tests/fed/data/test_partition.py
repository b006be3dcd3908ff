from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fed.config.groups import SiteGroup
from fed.data.partition import Patient, divide
from fed.errors import ConfigError, DataError
from fed.sites import Modality

BOTH: frozenset[Modality] = frozenset({"fundus", "oct"})


def group(name: str, **keys: Any) -> SiteGroup:
    return SiteGroup.model_validate({"name": name, "modalities": ["fundus", "oct"], **keys})


def patients(*labels: int, place: str | None = None, prefix: str = "p") -> list[Patient]:
    return [Patient(f"{prefix}{i:04d}", (k,), BOTH, place) for i, k in enumerate(labels)]


def labels_at(assigned: dict[str, tuple[str, ...]], pool: list[Patient], site: str) -> list[int]:
    by_id = {patient.patient_id: patient for patient in pool}
    return [label for p in assigned[site] for label in by_id[p].labels]


def test_shares_that_add_up_to_one_give_every_patient_away_evenly() -> None:
    pool = patients(*[0, 1] * 71)
    groups = [
        group("a", count=4, cases=0.35),
        group("b", count=3, cases=0.35),
        group("c", role="held_out", cases=0.3),
    ]
    assigned = divide(groups, pool, 2, seed=0)
    sizes = {name: len(ids) for name, ids in assigned.items()}
    assert sum(sizes.values()) == 142
    assert abs(sizes["c"] - 0.3 * 142) <= 1
    assert max(sizes[f"a-{i}"] for i in (1, 2, 3, 4)) - min(sizes.values()) <= 1
    drawn = [patient for ids in assigned.values() for patient in ids]
    assert len(set(drawn)) == len(drawn)


def test_numbers_and_log_normal_sizes_are_patients_a_site() -> None:
    pool = patients(*[0, 1] * 200)
    groups = [
        group("a", count=3, cases=20),
        group("b", count=5, cases={"median": 30, "spread": 0.5}),
        group("c", role="held_out", cases=7),
    ]
    assigned = divide(groups, pool, 2, seed=0)
    assert [len(assigned[f"a-{i}"]) for i in (1, 2, 3)] == [20, 20, 20]
    assert len(assigned["c"]) == 7
    sizes = [len(assigned[f"b-{i}"]) for i in range(1, 6)]
    assert len(set(sizes)) > 1
    assert 10 < np.median(sizes) < 90


def test_natural_sites_look_like_the_pool_whatever_skew_the_others_ask_for() -> None:
    pool = patients(*[0] * 700, *[1] * 300)
    groups = [
        group("skewed", count=4, cases=100, labels=[0, 1]),
        group("plain", count=1, cases=200),
        group("unseen", role="held_out", cases=200),
    ]
    assigned = divide(groups, pool, 2, seed=3)
    for site in ("plain", "unseen"):
        assert abs(np.mean(labels_at(assigned, pool, site)) - 0.3) < 0.1


def test_a_scarce_class_is_shared_out_among_the_sites_that_want_it() -> None:
    pool = patients(*[0] * 180, *[1] * 40)
    groups = [
        group("skewed", count=4, cases=40, labels=[0.5, 0.5]),
        group("unseen", role="held_out", cases=20),
    ]
    assigned = divide(groups, pool, 2, seed=0)
    ill = [sum(labels_at(assigned, pool, f"skewed-{i}")) for i in (1, 2, 3, 4)]
    left = 40 - sum(labels_at(assigned, pool, "unseen"))
    assert sum(ill) == left
    assert max(ill) - min(ill) <= 1


def test_proportions_are_met_where_the_pool_allows() -> None:
    pool = patients(*[0] * 300, *[1] * 300, *[2] * 300)
    groups = [
        group("a", cases=100, labels=[0.2, 0.3, 0.5]),
        group("b", count=3, cases=50, labels={"dirichlet": 0.3}),
        group("c", role="held_out", cases=50),
    ]
    assigned = divide(groups, pool, 3, seed=0)
    assert np.bincount(labels_at(assigned, pool, "a"), minlength=3).tolist() == [20, 30, 50]
    counts = [np.bincount(labels_at(assigned, pool, f"b-{i}"), minlength=3) for i in (1, 2, 3)]
    assert len({tuple(c.tolist()) for c in counts}) == 3


def test_all_eyes_of_a_patient_count_towards_the_proportions() -> None:
    pool = [Patient(f"p{i:03d}", (0, 0, 1) if i % 2 else (0,), BOTH) for i in range(100)]
    groups = [group("a", cases=20, labels=[3, 1]), group("c", role="held_out", cases=20)]
    counts = np.bincount(labels_at(divide(groups, pool, 2, 0), pool, "a"))
    assert abs(counts[1] / counts.sum() - 0.25) < 0.03


def test_a_site_gets_only_patients_with_an_image_it_can_have() -> None:
    pool = [
        Patient(f"p{i:03d}", (i % 2,), frozenset({"fundus" if i < 60 else "oct"}))
        for i in range(100)
    ]
    groups = [
        group("oct-only", modalities=["oct"], cases=30),
        group("fundus-only", modalities=["fundus"], cases=30),
        group("c", role="held_out", modalities=["fundus"], cases=20),
    ]
    assigned = divide(groups, pool, 2, seed=0)
    assert all(int(p[1:]) >= 60 for p in assigned["oct-only"])
    assert all(int(p[1:]) < 60 for p in (*assigned["fundus-only"], *assigned["c"]))
    with pytest.raises(DataError, match="oct-only asks for 50 patients with oct, and only 40"):
        divide([group("oct-only", modalities=["oct"], cases=50), groups[2]], pool, 2, 0)


def test_the_order_of_the_file_does_not_matter_and_the_seed_does() -> None:
    pool = patients(*[0, 1, 2] * 40)
    groups = [
        group("a", count=3, cases=0.6, labels={"dirichlet": 1.0}),
        group("b", role="held_out", cases=0.4),
    ]
    assert divide(groups, pool, 3, 5) == divide(groups, pool[::-1], 3, 5)
    assert divide(groups, pool, 3, 5) != divide(groups, pool, 3, 6)


def test_one_name_a_site() -> None:
    north, south = (patients(0, 1, 0, place=x, prefix=x) for x in ("north", "south"))
    rest = patients(*[0, 1] * 10, place="elsewhere", prefix="rest")
    groups = [
        group("named", count=2, cases=["south", "north"]),
        group("unseen", role="held_out", cases=0.5),
    ]
    assigned = divide(groups, [*rest, *north, *south], 2, seed=0)
    assert sorted(assigned["named-1"]) == [p.patient_id for p in south]
    assert sorted(assigned["named-2"]) == [p.patient_id for p in north]
    assert len(assigned["unseen"]) == 10  # half of those that nobody claims
    assert all(p.startswith("rest") for p in assigned["unseen"])


def test_an_official_split_is_divided_among_all_sites_that_name_it() -> None:
    train = patients(*[0, 1] * 30, place="train", prefix="train")
    test = patients(*[0, 1] * 10, place="test", prefix="test")
    groups = [
        group("a", count=2, cases=["train"], labels={"dirichlet": 1.0}),
        group("b", count=2, cases=["train"], modalities=["oct"]),
        group("unseen", role="held_out", cases=["test"]),
    ]
    assigned = divide(groups, [*test, *train], 2, seed=0)
    assert [len(assigned[name]) for name in ("a-1", "a-2", "b-1", "b-2", "unseen")] == [
        15,
        15,
        15,
        15,
        20,
    ]
    assert all(p.startswith("test") for p in assigned["unseen"])
    assert all(p.startswith("train") for p in assigned["a-1"] + assigned["b-2"])


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        (30, r"ask for 40 patients \(a 30, c 10\); there are 20"),
        (0.01, r"sites\.a\.cases: a share of 0\.01 of 20 patients is 0"),
        (["x", "y"], r"sites\.a\.cases: 2 names for 1 site; set count to 2"),
    ],
)
def test_what_cannot_be_had_is_refused_with_numbers(cases: Any, message: str) -> None:
    groups = [group("a", cases=cases), group("c", role="held_out", cases=10)]
    with pytest.raises((ConfigError, DataError), match=message):
        divide(groups, patients(*[0, 1] * 10), 2, 0)


def test_shares_above_one_are_refused() -> None:
    groups = [group("a", cases=0.7), group("c", role="held_out", cases=0.4)]
    with pytest.raises(ConfigError, match=r"add up to 1\.1"):
        divide(groups, patients(*[0, 1] * 10), 2, 0)


@settings(max_examples=60, deadline=None)
@given(
    eyes=st.lists(
        st.tuples(
            st.lists(st.integers(0, 2), min_size=1, max_size=3),
            st.sampled_from([("fundus",), ("oct",), ("fundus", "oct")]),
        ),
        min_size=30,
        max_size=80,
    ),
    counts=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    labels=st.sampled_from(["natural", {"dirichlet": 0.2}, [1, 0, 1]]),
    seed=st.integers(0, 9),
)
def test_no_patient_is_ever_at_two_sites(
    eyes: list[tuple[list[int], tuple[Modality, ...]]],
    counts: tuple[int, int],
    labels: Any,
    seed: int,
) -> None:
    pool = [
        Patient(f"p{i}", tuple(own), frozenset(modalities))
        for i, (own, modalities) in enumerate(eyes)
    ]
    groups = [
        group("a", count=counts[0], cases=0.4, labels=labels),
        group("b", count=counts[1], cases={"median": 2, "spread": 0.3}, labels=labels),
        group("c", role="held_out", cases=0.3),
    ]
    assigned = divide(groups, pool, 3, seed)
    drawn = [patient for ids in assigned.values() for patient in ids]
    assert len(set(drawn)) == len(drawn)
    assert set(drawn) <= {patient.patient_id for patient in pool}
    assert all(assigned.values())
