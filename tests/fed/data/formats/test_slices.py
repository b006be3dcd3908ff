from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fed.data.formats.slices import slice_files
from fed.data.volumes import load_oct
from fed.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write pictures whose brightness is their place in the list."""

    def write(*names: str, depth: type = np.uint8) -> Path:
        for level, name in enumerate(names):
            Image.fromarray(np.full((12, 20), level, depth)).save(tmp_path / name)
        return tmp_path

    return write


@pytest.mark.parametrize(
    "names",
    [
        ["1.png", "2.png", "10.png", "3.png", "4.png", "5.png", "6.png", "7.png", "8.png", "9.png"],
        ["0.png", "2.png", "4.png"],  # every second slice is a volume, too
        ["OD_2024_001.png", "OD_2024_002.png", "OD_2024_003.png"],
        ["a of 3_1.png", "a of 3_2.png", "a of 3_3.png"],
        ["scan.png"],
        ["8.png", "9.PNG", "10.png"],
        ["20240101123456789012.png", "20240101123456789013.png"],
    ],
)
def test_names_that_count_through_one_series_are_a_volume(
    folder: Callable[..., Path], names: list[str]
) -> None:
    in_order = sorted(range(len(names)), key=lambda i: [int("".join(filter(str.isdigit, names[i]))
                                                           or 0)])  # fmt: skip
    assert load_oct(folder(*names))[:, 0, 0].tolist() == in_order


@pytest.mark.parametrize(
    ("names", "trouble"),
    [
        (["1.png", "2.png", "9.png"], r"slices are missing between 2\.png and 9\.png"),
        (["1.png", "3.png", "4.png"], r"slices are missing between 1\.png and 3\.png"),
        (["OD_1.png", "OS_2.png"], r"OD_1\.png beside OS_2\.png; .* several series"),
        (["0.png", "0.jpg"], r"0\.jpg beside 0\.png, two files for one slice"),
        (["1.png", "01.png", "2.png"], "two files for one slice"),
        (["B1.png", "B2.png", "NIR1.png"], r"B1\.png beside NIR1\.png"),
        (["p1_s1.png", "p1_s2.png", "p2_s1.png"], "differ in more than one number"),
        (["a.png", "b.png"], r"a\.png beside b\.png"),
        (["1.png", "1².png"], r"1\.png beside 1²\.png"),
    ],
)
def test_names_that_do_not_are_refused(
    folder: Callable[..., Path], names: list[str], trouble: str
) -> None:
    path = folder(*names)
    with pytest.raises(DataError, match=trouble) as caught:
        load_oct(path)
    assert str(path) in str(caught.value)


def test_slices_of_two_depths_are_refused(folder: Callable[..., Path]) -> None:
    folder("1.png", "2.png")
    path = folder("3.png", depth=np.uint16)
    with pytest.raises(DataError, match=r"3\.png: uint16 values, but 1\.png beside it has uint8"):
        load_oct(path)


def test_digits_of_other_scripts_sort_as_letters(folder: Callable[..., Path]) -> None:
    assert [f.name for f in slice_files(folder("1².png", "2.png"))] == ["1².png", "2.png"]
