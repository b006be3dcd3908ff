import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fed.data.images import load_fundus
from fed.data.limits import MOST_FILE, reading
from fed.data.prepared import PreparedReader, prepare
from fed.data.reading import Decoder
from fed.data.volumes import load_oct
from fed.errors import DataError

NAMES = ["eye.png", "eye.npy", "eye.npz", "eye.nii", "eye.nii.gz", "eye.vol", "eye.xml", "eye.dcm",
         "eye.e2e", "eye", "eye.npz/oct", "eye.vol/localizer"]  # fmt: skip
DECODER = Decoder(16, (1, 16, 16))


def in_time(call, *arguments) -> list[Exception]:
    """Return what a call raises, and fail where it hangs."""
    raised: list[Exception] = []

    def run() -> None:
        try:
            call(*arguments)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "hangs"
    return raised


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("load", [load_oct, load_fundus])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, load, name: str) -> None:
    os.mkfifo(tmp_path / name.split("/")[0])
    (raised,) = in_time(load, tmp_path / name)
    assert isinstance(raised, DataError)
    assert f"{name}: not a regular file" in str(raised)


def test_pipes_are_refused_when_checked_and_prepared(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "eye.png")
    images = [("fundus", tmp_path / "eye.png"), ("oct", Path("/dev/zero"))]
    reader = PreparedReader(tmp_path / "prepared", tmp_path, DECODER)
    for call in (lambda: DECODER.check(images), lambda: prepare(images, reader, 1)):
        (raised,) = in_time(call)
        assert isinstance(raised, DataError)
        assert str(raised).count("not a regular file") == 2


@pytest.mark.parametrize("name", ["n" * 300 + ".png", "n" * 300, "a\0b.png", "a/b\nc.png"])
def test_names_that_no_file_can_have_are_one_line(tmp_path: Path, name: str) -> None:
    reader = PreparedReader(tmp_path / "prepared", tmp_path, DECODER)
    images = [("fundus", tmp_path / name), ("oct", tmp_path / name)]
    for call in (lambda: DECODER.check(images), lambda: prepare(images, reader, 1)):
        with pytest.raises(DataError, match=r"2 bad image files: .*cannot be read") as caught:
            call()
        assert "\n" not in str(caught.value)


def huge(tmp_path: Path) -> Iterator[Path]:
    """Small files whose headers ask for gigabytes, or for more than there is in them."""
    for shape in ((200_000, 200_000), (40, 12, 20), (2**62, 2**62)):
        path = tmp_path / f"{len(str(shape))}.npy"
        with path.open("wb") as file:
            header = {"descr": "<f8", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.write(bytes(100))
        yield path
    image = nibabel.Nifti1Image(np.zeros((5, 12, 20), np.uint8), np.eye(4))
    for number, (at, value) in enumerate([(42, 30_000), (44, 13), (40, -3), (70, 9)]):
        path = tmp_path / f"{number}.nii"
        nibabel.save(image, path)
        content = bytearray(path.read_bytes())
        struct.pack_into("<h", content, at, value)
        path.write_bytes(content)
        yield path


def test_headers_that_lie_about_size_are_found_before_memory_is_asked_for(tmp_path: Path) -> None:
    for path in huge(tmp_path):
        with pytest.raises(DataError, match=path.name) as caught:
            load_oct(path)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    for name in NAMES[:10]:
        path = tmp_path / name
        path.touch()
        os.truncate(path, MOST_FILE + 1)
        with pytest.raises(DataError, match=f"{name}: 1,024 MiB; at most 1,024 are read"):
            load_oct(path)
        path.unlink()


def test_too_many_slices_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.zeros((1025, 600, 600), bool))
    with pytest.raises(DataError, match=r"1,025 slices; a volume has 1 to 1,024"):
        load_oct(tmp_path / "scan.npy")


def test_memory_that_ends_is_the_file_s_trouble(tmp_path: Path) -> None:
    path = tmp_path / "scan.npy"
    path.touch()

    def read() -> None:
        with reading(path):
            raise MemoryError

    with pytest.raises(DataError, match=r"scan\.npy: needs more memory than there is"):
        read()


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    np.save(tmp_path / "scan.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "scan.npz", np.array([Evil()], dtype=object))
    for name in ("scan.npy", "scan.npz"):
        for load in (load_oct, load_fundus):
            with pytest.raises(DataError, match="objects is not read"):
                load(tmp_path / name)
    assert not (tmp_path / "executed").exists()
