from pathlib import Path

from fed.config import load
from fed.sites import Resources, SiteCard
from server.membership import Member, Membership, sample_cohort

DEMO = Path(__file__).parents[2] / "configs" / "demo.yaml"


def membership(**resources):
    counts = {"both": (5,), "fundus": (0,), "oct": (0,)}
    return Membership(
        tuple(
            Member(i, SiteCard(f"s{i}", "s", "train", ("fundus",), counts, Resources(**resources)))
            for i in range(20)
        )
    )


def test_everybody_takes_part_by_default():
    assert len(sample_cohort(membership(), 1, load([DEMO])).asked) == 20


def test_a_fraction_is_sampled_anew_each_round_and_again_the_same():
    config = load([DEMO], ["server.fraction=0.25"])
    first, second = (sample_cohort(membership(), number, config) for number in (1, 2))
    assert len(first.asked) == len(second.asked) == 5
    assert first.asked != second.asked
    assert first == sample_cohort(membership(), 1, config)


def test_availability_and_dropout_are_shares_of_the_rounds():
    config = load([DEMO])
    here = membership(availability=0.5, dropout=0.2)
    drawn = [sample_cohort(here, number, config) for number in range(200)]
    asked = sum(len(p.asked) for p in drawn)
    assert abs(asked / (200 * 20) - 0.5) < 0.03
    assert abs(sum(len(p.dropped) for p in drawn) / asked - 0.2) < 0.03
