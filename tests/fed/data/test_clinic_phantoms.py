"""Phantom patients as a source: two eyes each, owned and labelled as the sites say."""

import hashlib
import pickle
from collections import Counter

import numpy as np
import pytest

from fed.config import resolve
from fed.data.clinic_phantoms import ClinicSource
from fed.data.opening import open_source
from fed.data.phantom.clinic.literature import OFF_BY_ONE
from fed.data.phantoms import PhantomSource
from fed.errors import ConfigError

GRADES = ["none", "early", "intermediate", "late"]


def configuration(seed=0, classes=GRADES, data=None, **changes):
    both = {"modalities": ["fundus", "oct"]}
    return resolve(
        {
            "seed": seed,
            "task": {"classes": list(classes)},
            "data": {"version": 2, "image_size": 32, "volume_size": [4, 32, 32]} | (data or {}),
            "sites": [
                {"name": "clinic", "cases": 30} | both | changes,
                {"name": "unseen", "role": "held_out", "cases": 30} | both | changes,
            ],
        }
    )


def source(**changes):
    return ClinicSource(configuration(**changes))


def digest(images, index):
    pair = images.fundus(index), images.oct(index)
    return hashlib.sha256(b"".join(image.tobytes() for image in pair)).hexdigest()


def test_the_version_says_whose_eyes_are_drawn():
    assert type(open_source(configuration())) is ClinicSource
    assert type(open_source(configuration(data={"version": 1}))) is PhantomSource
    assert resolve({"sites": configuration().model_dump()["sites"]}).data.version == 1


def test_cases_are_the_two_eyes_of_each_patient():
    cases = source(cases=31).open("clinic").cases
    assert [case.case_id for case in cases[:3]] == [
        "clinic/0000-R",
        "clinic/0000-L",
        "clinic/0001-R",
    ]
    assert Counter(Counter(case.patient_id for case in cases).values()) == {2: 15, 1: 1}


def test_right_and_left_eyes_mirror_each_other():
    images = source().open("clinic").images
    right, left = images.eye(0), images.eye(1)
    assert right.disc.real > 0 > left.disc.real
    assert right.patient == left.patient
    assert right.patient != images.eye(2).patient


def test_a_case_depends_on_seed_site_and_index_alone():
    few, many = source(cases=9).open("clinic"), source(cases=30).open("clinic")
    assert few.cases == many.cases[:9]
    drawn_in_turn = [digest(many.images, i) for i in range(9)]
    assert digest(few.images, 8) == drawn_in_turn[8]
    assert digest(pickle.loads(pickle.dumps(few.images)), 3) == drawn_in_turn[3]
    others = source(seed=1).open("clinic"), source().open("unseen")
    assert len({digest(o.images, 0) for o in others} | {drawn_in_turn[0]}) == 3


def test_training_labels_are_a_graders_and_held_out_ones_the_reference():
    opened = {name: source(cases=1500).open(name) for name in ("clinic", "unseen")}
    wrong = {
        name: np.mean([site.images.eye(i).grade != case.label for i, case in enumerate(site.cases)])
        for name, site in opened.items()
    }
    assert wrong["unseen"] == 0
    assert wrong["clinic"] == pytest.approx(OFF_BY_ONE, abs=0.02)


def test_label_proportions_are_those_of_the_group():
    labels = source(cases=1500, labels=[5, 2, 2, 1]).open("unseen").labels()
    np.testing.assert_allclose(np.bincount(labels) / 1500, [0.5, 0.2, 0.2, 0.1], atol=0.04)


def test_an_unlinked_eye_becomes_two_cases_that_show_one_eye():
    linked, unlinked = (source(paired=p).open("clinic") for p in (1.0, 0.0))
    assert len(unlinked) == 2 * len(linked)
    for index, case in enumerate(linked.cases):
        fundus, oct_ = (
            next(i for i, c in enumerate(unlinked.cases) if c.case_id == f"{case.case_id}/{m}")
            for m in ("fundus", "oct")
        )
        np.testing.assert_array_equal(unlinked.images.fundus(fundus), linked.images.fundus(index))
        np.testing.assert_array_equal(unlinked.images.oct(oct_), linked.images.oct(index))


@pytest.mark.parametrize(
    ("size", "volume"), [(16, (1, 16, 16)), (48, (3, 20, 36)), (96, (8, 64, 64))]
)
def test_images_have_the_sizes_asked_for(size, volume):
    cases = source(data={"image_size": size, "volume_size": list(volume)}).open("unseen")
    for index in range(8):
        fundus, oct_ = cases.images.fundus(index), cases.images.oct(index)
        assert (fundus.shape, fundus.dtype) == ((3, size, size), np.uint8)
        assert (oct_.shape, oct_.dtype) == (volume, np.uint8)
        assert oct_.std() > 15


def test_a_modality_that_the_case_lacks_is_refused():
    cases = source(modalities={"fundus": 1.0, "oct": 0.5}).open("clinic")
    lacking = next(i for i, c in enumerate(cases.cases) if c.modalities == ("fundus",))
    with pytest.raises(ValueError, match="has no oct"):
        cases.images.oct(lacking)


def test_other_numbers_of_classes_are_refused():
    with pytest.raises(ConfigError, match=r"task\.classes: .*4 classes.*not in 2"):
        source(classes=["healthy", "ill"])


def test_other_labels_are_refused():
    with pytest.raises(ConfigError, match=r"data\.label: .*'glaucoma'.*grade, amd, dr"):
        source(data={"label": "glaucoma"})


def test_what_is_graded_is_chosen_by_the_label():
    images = source(data={"label": "dr"}).open("clinic").images
    assert {images.eye(i).patient.disease for i in range(30)} == {"diabetes"}
