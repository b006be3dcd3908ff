import pytest

from fed.config import resolve
from fed.data.account import Account
from fed.data.opening import open_source


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (Account("eyes", 3045, 3045, {}), "eyes: 3,045 rows read: 3,045 used"),
        (
            Account("eyes", 424, 540, {"without a label": 3, "at no site": 0}),
            "eyes: 427 rows read: 424 used as 540 cases (116 eyes whose two images are not linked), "
            "3 without a label",
        ),
        (
            Account("eyes", 1, 2, {}),
            "eyes: 1 row read: 1 used as 2 cases (an eye whose two images are not linked)",
        ),
    ],
)
def test_every_row_is_in_one_line(account: Account, words: str) -> None:
    assert account.words == words
    assert account.read == account.used + sum(account.left_out.values())


@pytest.mark.parametrize("method", ["fedrima", "pooled_incomplete"])
def test_eyes_and_cases_of_phantoms_are_counted_apart(method: str) -> None:
    both = ["fundus", "oct"]
    config = resolve(
        {
            "sites": [
                {"name": "a", "modalities": both, "paired": 0.0, "cases": 9},
                {"name": "b", "role": "held_out", "modalities": both, "cases": 4},
            ],
            "method": method,
        }
    )
    source = open_source(config)
    (account,) = source.accounts
    assert (account.used, account.cases, account.read) == (13, 22, 13)
    assert source.warnings == ()
