"""The sentences of a report."""

import pytest

from fed.report.words import summary
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
