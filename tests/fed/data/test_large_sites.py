"""A site with more images than there is memory for is refused before any is decoded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fed.config import Config
from fed.data import limits, reading
from fed.data.opening import open_source, prepare_images
from fed.errors import DataError


@pytest.fixture
def eyes(configuration: Callable[..., Config], pairs: Callable[..., Path]) -> Config:
    pairs(16)
    return configuration()


def of_memory(there: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "memory", lambda: there)


def test_it_is_refused_with_the_memory_it_would_take(
    eyes: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photograph, scan) = (3 * 16 * 16, 16 * 16)
    wanted = 16 * (photograph + scan)
    of_memory(2 * wanted, monkeypatch)
    open_source(eyes)
    of_memory(2 * wanted - 1, monkeypatch)
    monkeypatch.setattr(reading, "open_fundus", None)  # nothing is decoded
    with pytest.raises(
        DataError, match=r"16 fundus and 16 oct images that are not prepared take .* --prepare"
    ):
        open_source(eyes)


def test_prepared_ones_are_read_as_they_are_asked_for(
    eyes: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = eyes.data.model_copy(update={"prepared": str(tmp_path / "prepared")})
    prepared = eyes.model_copy(update={"data": data})
    prepare_images(prepared, 1)
    of_memory(1, monkeypatch)
    open_source(prepared)


def test_a_container_may_have_less_than_the_machine() -> None:
    assert 0 < limits.memory() <= 1 << 50
