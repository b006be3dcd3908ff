"""The sentences of a report."""

import pytest

from fed.report.words import resampled, summary
from fed.results import Results
from tests.fed.report.synthetic import write_run


@pytest.mark.parametrize(
    ("arrangement", "words"),
    [
        ("federated", "that keep their images to themselves"),
        ("pooled", "cases of all training sites lie together"),
        ("apart", "trained a model of its own"),
    ],
)
def test_the_summary_says_who_trained_with_whom(tmp_path, arrangement, words):
    results = write_run(tmp_path) | {"arrangement": arrangement}
    text = summary(Results.model_validate(results))
    assert words in text
    assert ("One model was trained with" in text) is (arrangement == "federated")


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        (1, "from resampling the patients of the held-out site"),
        (
            4,
            "4 held-out sites and, within them, their patients, rather too short with so few sites",
        ),
        (10, "10 held-out sites and, within them, their patients"),
    ],
)
def test_intervals_say_what_was_drawn_and_where_it_was_too_little(sites, words):
    assert resampled(sites).endswith(words)
