"""The alarm against runs made by hand."""

import numpy as np
import pytest

from server.alarm import Movement, alarms, movement


def rounds(*lengths, phase=0):
    return [Movement(phase, {"fundus_encoder": length}) for length in lengths]


def test_the_movement_is_the_length_of_the_way_of_the_learned_weights():
    before = {"a.w": np.zeros(2, np.float32), "a.bn.running_var": np.ones(1), "b.w": np.ones(1)}
    after = {
        "a.w": np.array([3, 4], np.float32),
        "a.bn.running_var": np.full(1, 99.0),
        "b.w": np.ones(1),
    }
    assert movement(before, after, ["a.w", "a.bn.running_var", "b.w"]) == {"a": 5.0, "b": 0.0}


def test_a_round_that_goes_much_further_is_told_with_its_module():
    (words,) = alarms(*rounds(10.0), rounds(1.0, 1.2, 0.9))
    assert words.startswith("fundus_encoder moved 10.0 times as far")


def test_a_falling_or_slowly_growing_movement_is_none():
    for lengths in ([1.0, 0.8, 0.5, 0.2, 0.01], [1.0, 1.3, 1.6, 2.0, 2.5]):
        found = [alarms(*rounds(lengths[i]), rounds(*lengths[:i])) for i in range(len(lengths))]
        assert not any(found)


def test_one_bad_round_before_does_not_hide_the_next():
    assert alarms(*rounds(50.0), rounds(1.0, 1.0, 60.0, 1.0))


@pytest.mark.parametrize("earlier", [rounds(), rounds(1.0), rounds(1.0, 1.0, phase=1)])
def test_without_rounds_of_the_phase_to_compare_to_there_is_none(earlier):
    assert alarms(*rounds(99.0), earlier) == ()
