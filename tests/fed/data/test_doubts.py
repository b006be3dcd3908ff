from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fed.data import doubts
from fed.data.doubts import Doubt, doubts_of, image_warnings
from fed.data.prepared import PreparedReader, prepare
from fed.data.reading import Decoder
from fed.errors import DataError

EYE = np.random.default_rng(0).integers(0, 200, (60, 60, 3)).astype(np.uint8)
SCAN = np.random.default_rng(1).integers(0, 200, (5, 30, 40)).astype(np.uint8)


def flat(shape: tuple[int, ...], *colour: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), shape).copy()


@pytest.mark.parametrize(
    ("modality", "pixels", "kind"),
    [
        ("fundus", EYE, None),
        ("fundus", flat((60, 60, 3), 0), "blank"),
        ("fundus", flat((60, 60, 3), 9), "blank"),
        ("fundus", flat((60, 60, 3), 255), "saturated"),
        ("fundus", flat((60, 60, 3), 90, 40, 20), "one colour"),
        ("fundus", np.pad(EYE, ((200, 200), (200, 200), (0, 0))), None),
        ("oct", SCAN, None),
        ("oct", np.zeros_like(SCAN), "blank"),
        ("oct", np.full_like(SCAN, 255), "saturated"),
        ("oct", np.full_like(SCAN, 80), "one colour"),
        ("oct", np.where(np.arange(5)[:, None, None] == 2, 0, SCAN), "blank slices"),
    ],
)
def test_what_is_worth_a_look(modality, pixels: np.ndarray, kind: str | None) -> None:
    found = doubts_of(modality, Path("x"), pixels.astype(np.uint8))
    assert [doubt.kind for doubt in found] == ([kind] if kind else [])


@pytest.fixture
def images(tmp_path: Path) -> list[tuple[str, Path]]:
    Image.new("RGB", (40, 40)).save(tmp_path / "black.png")
    Image.fromarray(EYE).save(tmp_path / "good.png")
    np.save(tmp_path / "deep.npy", SCAN.astype(np.uint16) * 16)
    np.save(tmp_path / "good.npy", SCAN)
    return [
        ("fundus" if name.endswith("png") else "oct", tmp_path / name)
        for name in ("black.png", "good.png", "deep.npy", "good.npy")
    ]


def test_reading_images_once_tells_of_all_of_them(images) -> None:
    doubts = Decoder(16, (1, 16, 16)).check(images)
    assert image_warnings(doubts) == (
        f"1 fundus image is black, or nearly: {images[0][1]}",
        f"1 oct image: uint16 values are taken for 12 bits, as neither type nor header tells: "
        f"{images[2][1]}",
    )


def test_prepared_images_are_told_of_without_being_read(images, tmp_path: Path) -> None:
    decoder = Decoder(16, (1, 16, 16))
    reader = PreparedReader(tmp_path / "prepared", tmp_path, decoder)
    assert prepare(images, reader, 1) == 4
    again = PreparedReader(tmp_path / "prepared", tmp_path, decoder)
    assert list(again.check(images)) == decoder.check(images)
    note = next((tmp_path / "prepared" / "fundus").glob("*.json"))
    note.write_text("nonsense")
    with pytest.raises(DataError, match=f"{note.name}: damaged"):
        again.check(images)


def test_many_images_are_counted_and_ten_are_named() -> None:
    doubts = [Doubt("oct", Path(f"{i:02}.png"), "saturated") for i in range(1200)]
    (sentence,) = image_warnings(doubts)
    assert sentence.startswith("1,200 oct images are white, for the most part: 00.png; 01.png")
    assert sentence.endswith("; and 1190 more")
    assert image_warnings([]) == ()


def test_pictures_are_told_apart_as_sorting_their_pixels_would():
    """Counted over 256 levels, against quantiles of NumPy's; some pixels are off by a lot."""
    random = np.random.default_rng(0)
    kinds = set()
    for _ in range(600):
        n, height, width = random.integers(1, 4), *random.integers(2, 30, 2)
        spread = random.choice([0, 1, 2, 3, 4, 5, 50, 255])
        shape = (n, height, width, random.choice([1, 3]))
        pictures = random.integers(0, 256) + random.integers(-spread, spread + 1, shape)
        pictures = np.clip(pictures, 0, 255).astype(np.uint8)
        pictures[random.random(shape) < random.choice([0, 0.006])] = random.integers(0, 256)
        for picture, found in zip(pictures, doubts._kinds(pictures), strict=True):
            lit, white = (picture > 16).any(axis=2).mean(), (picture >= 254).all(axis=2).mean()
            low, high = np.quantile(picture, (0.005, 0.995), axis=(0, 1))
            expected = "one colour" if (high - low).max() <= 3 else None
            expected = "blank" if lit < 1e-3 else "saturated" if white > 0.75 else expected
            assert found == expected
            kinds.add(found)
    assert kinds == {None, "blank", "saturated", "one colour"}
