"""What is kept, and what is let go of, counted by how often it is made."""

from collections import Counter

from clients.kept import kept_up_to


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    made: Counter[str] = Counter()

    @kept_up_to(30, len)
    def of(name: str) -> bytearray:
        made[name] += 1
        return bytearray(10)

    for name in ("a", "b", "c", "a", "d", "a", "d"):
        of(name)
    assert made == {"a": 1, "b": 1, "c": 1, "d": 1}
    of("b")  # had gone when the size of d was known
    assert made["b"] == 2
    of("a"), of("d")
    assert made == {"a": 1, "b": 2, "c": 1, "d": 1}
    of("c")
    assert made["c"] == 2


def test_what_is_asked_for_stays_however_much_it_grows() -> None:
    made: Counter[str] = Counter()

    @kept_up_to(30, len)
    def of(name: str) -> bytearray:
        made[name] += 1
        return bytearray(1)

    small = of("small")
    large = of("large")
    large += bytearray(100)
    assert of("large") is large
    assert of("small") is not small
    assert made == {"small": 2, "large": 1}


def test_other_arguments_are_another_value() -> None:
    @kept_up_to(30, len)
    def of(name: str, times: int = 1) -> str:
        return name * times

    assert (of("a"), of("a", 2), of("a", times=3)) == ("a", "aa", "aaa")
