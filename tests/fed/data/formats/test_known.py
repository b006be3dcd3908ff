import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fed.data.formats.known import image_files
from fed.data.images import load_fundus
from fed.data.volumes import load_oct
from fed.errors import DataError


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("scan.img", "export it as DICOM from the Zeiss software"),
        ("scan.fds", "Topcon"),
        ("scan.OCT", "TIFF stack"),
        ("scan.mat", "slices, depth, width"),
        ("scan.xyz", "convert it to one of them"),
        ("scan", "convert it to one of them"),
    ],
)
def test_an_unknown_format_is_told_what_is_read_and_how_to_convert(
    tmp_path: Path, name: str, advice: str
) -> None:
    (tmp_path / name).write_bytes(bytes(range(256)) * 8)
    for load in (load_oct, load_fundus):
        with pytest.raises(DataError, match=f"{name}: not an image in a known format") as caught:
            load(tmp_path / name)
        for word in ("DICOM", "NIfTI", ".vol", ".xml", "TIFF", ".e2e", advice):
            assert word in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".e2e", ".E2E", ".fda"])
def test_formats_that_need_an_extra_say_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    (tmp_path / f"scan{suffix}").write_bytes(bytes(5000))
    monkeypatch.setitem(sys.modules, "eyepy", None)
    with pytest.raises(DataError, match=r"pip install 'fedrima\[oct\]'; or convert it"):
        load_oct(tmp_path / f"scan{suffix}")


@pytest.mark.parametrize("suffix", [".e2e", ".fda"])
def test_nonsense_in_them_is_one_line(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"scan{suffix}").write_bytes(b"nonsense " * 1000)
    with pytest.raises(DataError, match=rf"scan{suffix}: damaged or truncated") as caught:
        load_oct(tmp_path / f"scan{suffix}")
    assert "\n" not in str(caught.value)


def test_what_eyepy_reads_is_taken_as_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = np.arange(5 * 12 * 20, dtype=np.uint8).reshape(5, 12, 20)
    volume = SimpleNamespace(data=scan, laterality="OS")
    monkeypatch.setitem(sys.modules, "eyepy", SimpleNamespace(import_heyex_e2e=lambda path: volume))
    (tmp_path / "scan.e2e").write_bytes(bytes(100))
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.e2e"), scan)


def test_the_files_an_image_is_read_from(tmp_path: Path) -> None:
    for number in (10, 9, 8):
        (tmp_path / f"{number}.png").touch()
    assert [file.name for file in image_files(tmp_path)] == ["8.png", "9.png", "10.png"]
    assert image_files(tmp_path / "a.npz" / "oct") == [tmp_path / "a.npz"]
    assert image_files(tmp_path / "a.vol" / "localizer") == [tmp_path / "a.vol"]
    assert image_files(tmp_path / "a.nii.gz") == [tmp_path / "a.nii.gz"]
