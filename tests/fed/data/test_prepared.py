import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fed.config import Config
from fed.data import contents, images, reading
from fed.data.opening import open_source, prepare_images
from fed.data.prepared import FORMAT
from fed.data.reading import Decoder
from fed.errors import ConfigError, DataError

LINES = [
    "case_id,fundus,oct,grade",
    *(f"e{i},{i}f.png,{i}o.png,{i % 2}" for i in range(6)),
    "e6,6f.png,stack,1",
]


@pytest.fixture
def config(
    configuration: Callable[..., Config], manifest: Callable[..., Path], tmp_path: Path
) -> Config:
    """A federation of seven eyes, one of them with a folder of slices."""
    manifest(*LINES)
    (tmp_path / "stack").mkdir()
    for number in (2, 10):
        level = np.full((20, 20), 20 * number, np.uint8)
        Image.fromarray(level).save(tmp_path / "stack" / f"{number}.png")
    return configuration(volume_size=[2, 16, 16], prepared=str(tmp_path / "prepared"))


def pixels(config: Config) -> list[bytes]:
    source = open_source(config)
    read = []
    for site in source.sites:
        held = source.open(site.name)
        for index in range(len(held)):
            read += [held.images.fundus(index).tobytes(), held.images.oct(index).tobytes()]
    return read


def stored(directory: Path) -> dict[str, bytes]:
    return {str(f.relative_to(directory)): f.read_bytes() for f in directory.rglob("*.npy")}


def undo(config: Config) -> Config:
    return config.model_copy(update={"data": config.data.model_copy(update={"prepared": None})})


def test_prepared_images_equal_decoded_ones_and_no_source_image_is_opened(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = pixels(undo(config))
    seen: list[tuple[int, int]] = []
    assert prepare_images(config, 1, lambda done, total: seen.append((done, total))) == 14
    assert seen == [(number, 14) for number in range(1, 15)]

    def refuse(*_: object) -> None:
        raise AssertionError("a source image was opened")

    for module, name in [
        (images.Image, "open"),
        (reading, "open_oct"),
        (reading, "open_fundus"),
    ]:
        monkeypatch.setattr(module, name, refuse)
    assert prepare_images(config, 1) == 0
    assert pixels(config) == decoded


def test_what_is_stored_does_not_depend_on_the_workers(config: Config, tmp_path: Path) -> None:
    prepare_images(config, 1)
    alone = stored(tmp_path / "prepared")
    assert len(alone) == 14
    (tmp_path / "prepared").rename(tmp_path / "alone")
    prepare_images(config, 2)
    assert stored(tmp_path / "prepared") == alone


def test_interrupted_work_goes_on_where_it_stopped(config: Config, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_images(config, 1, interrupt)
    with pytest.raises(DataError, match="lacks 9 of the images"):
        open_source(config)
    assert prepare_images(config, 1) == 9
    assert pixels(config) == pixels(undo(config))


@pytest.mark.parametrize("changed", ["3f.png", "stack/2.png"])
def test_a_changed_image_is_stale_and_alone_made_anew(
    config: Config, tmp_path: Path, changed: str
) -> None:
    prepare_images(config, 1)
    Image.fromarray(np.full((20, 20), 222, np.uint8)).save(tmp_path / changed)
    os.utime(tmp_path / changed, (1e9, 1e9))
    with pytest.raises(DataError, match=r"data\.prepared: .* lacks 1 of the images"):
        open_source(config)
    assert prepare_images(config, 1) == 1
    assert pixels(config) == pixels(undo(config))


def touch(file: Path, content: bytes | None = None, keep_time: bool = False) -> None:
    """Write a file again, by default with its own content, at another or the same time."""
    status = file.stat()
    file.write_bytes(file.read_bytes() if content is None else content)
    later = status.st_mtime_ns + (0 if keep_time else 10**9)
    os.utime(file, ns=(status.st_atime_ns, later))


@pytest.mark.parametrize("touched", ["3f.png", "stack/2.png"])
def test_a_touched_image_is_read_once_and_its_array_kept(
    config: Config, tmp_path: Path, touched: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_images(config, 1)
    before = pixels(config)
    touch(tmp_path / touched)
    hashed: list[Path] = []

    def noted(path: Path, content: Callable[[Path], str] = contents.content) -> str:
        hashed.append(path)
        return content(path)

    monkeypatch.setattr(contents, "content", noted)
    assert pixels(config) == before
    assert pixels(config) == before
    assert hashed == [tmp_path / touched.split("/")[0]]
    monkeypatch.undo()
    assert prepare_images(config, 1) == 0


def test_what_neither_size_nor_time_betrays_is_seen_when_preparing(
    config: Config, tmp_path: Path
) -> None:
    prepare_images(config, 1)
    before = pixels(config)
    victim = tmp_path / "3f.png"
    changed = (tmp_path / "4f.png").read_bytes()
    assert len(changed) == victim.stat().st_size
    touch(victim, changed, keep_time=True)
    assert pixels(config) == before, "a start does not read the file"
    assert prepare_images(config, 1) == 0, "an array of this content is there already"
    assert pixels(config) == pixels(undo(config)) != before


def test_an_image_that_goes_back_to_what_it_was_finds_its_array(
    config: Config, tmp_path: Path
) -> None:
    prepare_images(config, 1)
    victim, first = tmp_path / "3f.png", (tmp_path / "3f.png").read_bytes()
    Image.fromarray(np.full((20, 20), 222, np.uint8)).save(victim)
    assert prepare_images(config, 1) == 1
    touch(victim, first)
    assert pixels(config) == pixels(undo(config))


def test_data_that_moved_or_lost_its_times_is_read_but_not_decoded_again(
    config: Config, tmp_path: Path
) -> None:
    prepare_images(config, 1)
    before = pixels(config)
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    for file in [*tmp_path.glob("*.png"), tmp_path / "stack", tmp_path / "manifest.csv"]:
        file.rename(tmp_path / "elsewhere" / "deep" / file.name)
    moved = str(tmp_path / "elsewhere" / "deep" / "manifest.csv")
    there = config.model_copy(update={"data": config.data.model_copy(update={"path": moved})})
    assert pixels(there) == before
    for file in (tmp_path / "elsewhere").rglob("*.png"):
        touch(file)
    assert pixels(there) == before
    assert prepare_images(there, 1) == 0


def test_two_collections_with_the_same_file_names_share_a_folder(
    config: Config, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "manifest.csv", other)
    shutil.copytree(tmp_path / "stack", other / "stack")
    for number, file in enumerate(sorted(tmp_path.glob("*.png"))):
        Image.fromarray(np.full((20, 20), 150 + number, np.uint8)).save(other / file.name)
    data = config.data.model_copy(update={"path": str(other / "manifest.csv")})
    both = [config, config.model_copy(update={"data": data})]
    assert [prepare_images(one, 1) for one in both] == [14, 13]
    assert [prepare_images(one, 1) for one in both] == [0, 0]
    assert [pixels(one) for one in both] == [pixels(undo(one)) for one in both]


@pytest.mark.parametrize("damage", ["deleted", "cut"])
def test_without_its_index_a_folder_is_prepared_again_at_the_cost_of_reading(
    config: Config, tmp_path: Path, damage: str
) -> None:
    prepare_images(config, 1)
    before = pixels(config)
    index = tmp_path / "prepared" / "index.json"
    if damage == "cut":
        index.write_bytes(index.read_bytes()[:100])
    else:
        index.unlink()
    with pytest.raises(DataError, match="lacks 14 of the images"):
        open_source(config)
    assert prepare_images(config, 1) == 0
    assert pixels(config) == before


def test_a_change_of_the_pixels_that_reading_gives_has_a_format_of_its_own(
    tmp_path: Path,
) -> None:
    """Raise `FORMAT` whenever the digest has to be changed: stored arrays are stale then."""
    random = np.random.default_rng(0)
    photograph = random.integers(40, 255, (37, 52, 3), dtype=np.uint8)
    Image.fromarray(photograph).save(tmp_path / "f.png")
    np.save(tmp_path / "o.npy", random.integers(0, 255, (7, 31, 22), dtype=np.uint8))
    decoder = Decoder(16, (4, 16, 16))
    read = decoder.read("fundus", tmp_path / "f.png"), decoder.read("oct", tmp_path / "o.npy")
    digest = hashlib.sha256(b"".join(image.tobytes() for image in read)).hexdigest()[:12]
    assert (FORMAT, digest) == (2, "a50daa2a8ac3")


def test_another_size_is_stale(config: Config) -> None:
    prepare_images(config, 1)
    larger = config.model_copy(update={"data": config.data.model_copy(update={"image_size": 20})})
    with pytest.raises(DataError, match="lacks 7 of the images"):
        open_source(larger)
    assert prepare_images(larger, 1) == 7
    assert len(pixels(config)) == len(pixels(larger))


def test_bad_images_are_named_and_the_others_are_stored(config: Config, tmp_path: Path) -> None:
    (tmp_path / "0f.png").write_text("nonsense")
    (tmp_path / "1o.png").unlink()
    with pytest.raises(DataError, match=r"2 bad image files: .*0f\.png.*1o\.png"):
        prepare_images(config, 1)
    assert len(stored(tmp_path / "prepared")) == 12


def test_a_damaged_array_is_named(config: Config, tmp_path: Path) -> None:
    prepare_images(config, 1)
    victim = sorted((tmp_path / "prepared").rglob("*.npy"))[0]
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(DataError, match=victim.name):
        pixels(config)


def test_nothing_or_nowhere_to_prepare(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"data\.prepared"):
        prepare_images(undo(config), 1)
    data = config.data.model_copy(update={"source": "phantom"})
    with pytest.raises(ConfigError, match="phantom"):
        prepare_images(config.model_copy(update={"data": data}), 1)
