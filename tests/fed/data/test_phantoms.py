"""Cases depend on (seed, site, index) alone, and are owned and linked as the group says."""

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fed.config import resolve
from fed.data.phantoms import PhantomSource
from fed.errors import ConfigError


def source(seed=0, classes=("healthy", "ill"), image_size=32, volume_size=(4, 32, 32), **changes):
    site = {"name": "clinic", "modalities": ["fundus", "oct"], "cases": 30} | changes
    return PhantomSource(
        resolve(
            {
                "seed": seed,
                "task": {"classes": list(classes)},
                "data": {"image_size": image_size, "volume_size": list(volume_size)},
                "sites": [
                    site,
                    {
                        "name": "unseen",
                        "role": "held_out",
                        "modalities": ["fundus", "oct"],
                        "cases": 8,
                    },
                    {"name": "other", "count": 3, "modalities": ["fundus", "oct"], "cases": 8},
                ],
            }
        )
    )


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def test_a_case_drawn_alone_equals_the_same_drawn_in_sequence():
    in_sequence = source().open("clinic").images
    drawn = [(in_sequence.fundus(i), in_sequence.oct(i)) for i in range(18)]
    alone = source().open("clinic").images
    np.testing.assert_array_equal(alone.oct(17), drawn[17][1])
    np.testing.assert_array_equal(alone.fundus(17), drawn[17][0])


def test_a_case_does_not_depend_on_the_other_cases_or_sites():
    few, many = source(cases=10), source(cases=30)
    assert few.open("clinic").cases == many.open("clinic").cases[:10]
    assert few.open("other-2").cases == many.open("other-2").cases
    for index in (0, 9):
        a, b = few.open("clinic").images, many.open("clinic").images
        assert digest(a.fundus(index), a.oct(index)) == digest(b.fundus(index), b.oct(index))


def test_seed_site_and_index_each_change_the_case():
    def first(source_, site, index=0):
        return digest(source_.open(site).images.fundus(index))

    drawn = {
        first(source(), "clinic"),
        first(source(), "clinic", 1),
        first(source(seed=1), "clinic"),
        first(source(), "other-1"),
        first(source(), "other-2"),
    }
    assert len(drawn) == 5


def test_images_travel_to_another_process():
    images = source().open("clinic").images
    again = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(again.fundus(3), images.fundus(3))


@pytest.mark.parametrize("threads", ["1", "2"])
def test_drawing_does_not_depend_on_the_number_of_threads(threads):
    program = (
        "from tests.fed.data.test_phantoms import *\n"
        "images = source(image_size=64, volume_size=(16, 32, 32)).open('clinic').images\n"
        "print(digest(*[d(i) for i in range(20) for d in (images.fundus, images.oct)]))"
    )
    environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=environment | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    images = source(image_size=64, volume_size=(16, 32, 32)).open("clinic").images
    here = digest(*[draw(i) for i in range(20) for draw in (images.fundus, images.oct)])
    assert done.stdout.strip() == here


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c", "d", "e")])
@pytest.mark.parametrize(
    ("size", "volume"), [(16, (1, 16, 16)), (48, (3, 20, 36)), (96, (8, 64, 64))]
)
def test_images_have_the_sizes_asked_for(classes, size, volume):
    cases = source(classes=classes, image_size=size, volume_size=volume).open("clinic")
    assert set(cases.labels()) == set(range(len(classes)))
    fundus, oct_ = cases.images.fundus(0), cases.images.oct(0)
    assert (fundus.shape, fundus.dtype) == ((3, size, size), np.uint8)
    assert (oct_.shape, oct_.dtype) == (volume, np.uint8)
    assert fundus.std() > 15
    assert oct_.std() > 15


def test_an_unlinked_eye_becomes_two_cases_that_show_one_eye():
    linked, unlinked = source(paired=1.0).open("clinic"), source(paired=0.0).open("clinic")
    assert len(unlinked) == 2 * len(linked)
    for index, case in enumerate(linked.cases):
        halves = [i for i, c in enumerate(unlinked.cases) if c.patient_id == case.patient_id]
        (fundus,) = [i for i in halves if unlinked.cases[i].modalities == ("fundus",)]
        (oct_,) = [i for i in halves if unlinked.cases[i].modalities == ("oct",)]
        assert {unlinked.cases[fundus].label, unlinked.cases[oct_].label} == {case.label}
        np.testing.assert_array_equal(unlinked.images.fundus(fundus), linked.images.fundus(index))
        np.testing.assert_array_equal(unlinked.images.oct(oct_), linked.images.oct(index))


def test_ids_are_unique():
    unlinked = source(paired=0.5, modalities={"fundus": 1.0, "oct": 0.6}).open("clinic")
    ids = [case.case_id for case in unlinked.cases]
    assert len(set(ids)) == len(ids)


def test_a_modality_that_the_case_lacks_is_refused():
    cases = source(modalities={"fundus": 1.0, "oct": 0.5}).open("clinic")
    lacking = next(i for i, c in enumerate(cases.cases) if c.modalities == ("fundus",))
    with pytest.raises(ValueError, match="has no oct"):
        cases.images.oct(lacking)


def test_numbers_of_cases():
    assert len(source(cases=23).open("clinic")) == 23
    assert len(source(cases={"median": 2, "spread": 0.1}).open("clinic")) == 8
    drawn = [
        len(source(seed=s, cases={"median": 100, "spread": 0.5}).open("clinic")) for s in range(60)
    ]
    assert np.log(np.median(drawn)) == pytest.approx(np.log(100), abs=0.2)
    assert np.std(np.log(drawn)) == pytest.approx(0.5, abs=0.15)


def test_populations_of_one_site_are_pictured_apart():
    shares = [(1, ["fundus"]), (1, ["oct"])]
    apart = [{"share": share, "modalities": owned} for share, owned in shares]
    populations = source(modalities=None, populations=apart, cases=400)
    counts = populations.open("clinic").card(2).cases
    assert sum(counts["both"]) == 0  # as half of each alone would have it for a quarter
    assert abs(sum(counts["fundus"]) - 200) < 60
    mixed = source(modalities={"fundus": 0.5, "oct": 0.5}, cases=400).open("clinic").card(2)
    assert sum(mixed.cases["both"]) > 60


def test_label_proportions():
    given = source(cases=600, labels=[3, 1]).open("clinic").labels()
    assert np.mean(given == 0) == pytest.approx(0.75, abs=0.06)
    even = source(cases=600, labels="natural").open("clinic").labels()
    assert np.mean(even == 0) == pytest.approx(0.5, abs=0.07)
    drawn = [
        source(seed=s, cases=40, labels={"dirichlet": 0.1}).open("clinic").labels().mean()
        for s in range(20)
    ]
    assert np.mean([share < 0.1 or share > 0.9 for share in drawn]) > 0.5


def test_label_proportions_drawn_around_a_mean():
    drawn = [
        source(seed=s, cases=60, labels={"dirichlet": 2.0, "around": [3, 1]}).open("clinic")
        for s in range(40)
    ]
    shares = [site.labels().mean() for site in drawn]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.07)
    assert np.std(shares) > 0.1


@pytest.mark.parametrize("cases", [0.5, ["hospital-a"]])
def test_shares_and_names_are_refused(cases):
    with pytest.raises(ConfigError, match=r"sites\.clinic\.cases"):
        source(cases=cases)
