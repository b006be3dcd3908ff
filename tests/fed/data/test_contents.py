from pathlib import Path

import pytest

from fed.data import contents
from fed.data.contents import content, equal


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    held = [b"one", b"two", b"one", b"three", b"onE", b"three"]
    paths = [tmp_path / f"{number}.png" for number in range(len(held))]
    for path, data in zip(paths, held, strict=True):
        path.write_bytes(data)
    return paths


def test_equal_files_are_found_together(files: list[Path]) -> None:
    assert equal(files) == [(files[0], files[2]), (files[3], files[5])]


def test_only_files_of_equal_size_are_read(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def noted(path: Path) -> str:
        read.append(path)
        return content(path)

    monkeypatch.setattr(contents, "content", noted)
    assert equal(files[2:4]) == []
    assert read == []
    assert equal(files[:3]) == [(files[0], files[2])]
    assert read == files[:3]


def test_known_hashes_are_not_computed_again(files: list[Path]) -> None:
    known = {path: content(path) for path in files}
    for path in files:
        path.unlink()
    assert equal(files, known) == [(files[0], files[2]), (files[3], files[5])]


def test_a_known_image_and_one_that_is_not_are_compared(files: list[Path]) -> None:
    assert equal([files[0], files[2]], {files[0]: content(files[0])}) == [(files[0], files[2])]


def test_folders_of_equal_slices_are_equal_whatever_their_names(tmp_path: Path) -> None:
    for folder, names in (("a", ("1", "2")), ("b", ("7", "10")), ("c", ("2", "1"))):
        (tmp_path / folder).mkdir()
        for name, data in zip(names, (b"first", b"other"), strict=True):
            (tmp_path / folder / f"{name}.png").write_bytes(data)
    a, b, c = (tmp_path / name for name in "abc")
    assert equal([a, b, c]) == [(a, b)]
