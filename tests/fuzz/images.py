"""Images: a good file of every format, damaged, or a file that was made to do harm."""

import gzip
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from fed.data.reading import Decoder
from fed.errors import DataError
from tests.fed.data.formats import clinic
from tests.fed.data.formats.test_dicom import encoded
from tests.fed.data.formats.test_heyex_xml import export, images, series
from tests.fuzz.batches import LONGEST, SPREAD, chosen, command, spoiled_bytes

SCAN = np.random.default_rng(0).integers(0, 256, (4, 16, 24)).astype(np.uint8)
LARGER = np.tile(SCAN, (1, 4, 4))
COLOUR = np.random.default_rng(1).integers(0, 256, (24, 30, 3)).astype(np.uint8)
JPEG, JPEG2000 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"


def _compressed(frames: NDArray[np.uint8], kind: str, told: NDArray[np.uint8] = LARGER) -> bytes:
    """Return a DICOM file of frames, whose tags tell the size of others."""
    data = clinic.dicom(told, clinic.TOMOGRAPHY)
    options = {"irreversible": False, "no_jp2": True} if kind == "JPEG2000" else {}
    data.PixelData = encoded(frames, kind, **options)
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    data.file_meta.TransferSyntaxUID = {"JPEG": JPEG, "JPEG2000": JPEG2000}[kind]
    return _written(lambda path: clinic.save(data, path))


def _run_length(path: Path) -> None:
    data = clinic.dicom(LARGER, clinic.TOMOGRAPHY)
    data.compress(RLELossless)
    clinic.save(data, path)


def _gif(path: Path) -> None:
    first, *others = (Image.fromarray(plane) for plane in SCAN)
    first.save(path, save_all=True, append_images=others)


def _written(write: Callable[[Path], object]) -> bytes:
    with TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


WHOLE: dict[str, Callable[[Path], object]] = {
    "grey.png": lambda path: Image.fromarray(SCAN[0]).save(path),
    "deep.png": lambda path: Image.fromarray(SCAN[0].astype(np.uint16) * 257).save(path),
    "colour.png": lambda path: Image.fromarray(COLOUR).save(path),
    "colour.jpg": lambda path: Image.fromarray(COLOUR).save(path),
    "progressive.jpg": lambda path: Image.fromarray(COLOUR).save(path, progressive=True),
    "colour.bmp": lambda path: Image.fromarray(COLOUR).save(path),
    "stack.tif": lambda path: tifffile.imwrite(path, SCAN, photometric="minisblack"),
    "packed.tif": lambda path: tifffile.imwrite(
        path, SCAN, photometric="minisblack", compression="zlib"
    ),
    "stack.gif": _gif,
    "scan.npy": lambda path: np.save(path, SCAN.astype(np.float32)),
    "scan.npz": lambda path: np.savez(path, SCAN),
    "packed.npz": lambda path: np.savez_compressed(path, SCAN),
    "scan.nii": lambda path: nibabel.save(nibabel.Nifti1Image(SCAN, np.eye(4)), path),
    "two.nii": lambda path: nibabel.save(nibabel.Nifti2Image(SCAN, np.eye(4)), path),
    "scan.nii.gz": lambda path: nibabel.save(nibabel.Nifti1Image(SCAN, np.eye(4)), path),
    "scan.dcm": lambda path: clinic.save(clinic.dicom(LARGER, clinic.TOMOGRAPHY), path),
    "rle.dcm": _run_length,
    "jpeg.dcm": lambda path: path.write_bytes(_compressed(LARGER, "JPEG")),
    "jpeg2000.dcm": lambda path: path.write_bytes(_compressed(LARGER, "JPEG2000")),
    "export.xml": lambda path: path.write_text(export(series(images(1)))),
    "scan.vol": lambda path: path.write_bytes(clinic.vol(SCAN / 255, SCAN[0])),
}
"""How a good file of each format is written."""


@cache
def whole(name: str) -> bytes:
    """Return the bytes of a good file."""
    with TemporaryDirectory() as folder:
        WHOLE[name](Path(folder) / name)
        return (Path(folder) / name).read_bytes()


LARGE = [struct.pack(form, number) for form in ("<h", ">h", "<i", ">i", "<q") for number in
         (-1, 0, 255, 30_000)] + [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"]  # fmt: skip
"""What a header may claim."""


def damaged(random: np.random.Generator, folder: Path) -> Path:
    """Write a good file with some bytes changed, most of them in its header, or cut short."""
    name = chosen(random, sorted(WHOLE))
    content = bytearray(whole(name))
    for _ in range(int(random.integers(0, 7))):
        at = int(random.integers(0, chosen(random, [400, 100_000]))) % len(content)
        new = chosen(random, [random.bytes(int(random.integers(1, 5))), chosen(random, LARGE)])
        content[at : at + len(new)] = new
    done = spoiled_bytes(bytes(content), random) if random.random() < 0.5 else bytes(content)
    path: Path = folder / name
    path.write_bytes(done[: chosen(random, [None, None, int(random.integers(0, 3000))])])
    return path


class Evil:
    """Runs code of its own where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        """Return what is called then."""
        return exec, (SPREAD,)


def _npy(write: Callable[[BytesIO], object]) -> bytes:
    file = BytesIO()
    write(file)
    return file.getvalue()


def _objects() -> bytes:
    evil = np.array([Evil()], dtype=object)
    return _npy(lambda file: np.save(file, evil, allow_pickle=True))


def _promises(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    told = {"descr": dtype, "fortran_order": False, "shape": shape}
    return _npy(lambda file: np.lib.format.write_array_header_1_0(file, told))


def _archive(**members: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    wanted = height * (1 + width * depth // 8 * (4 if colour else 1))
    packed = zlib.compressobj()
    pixels = [packed.compress(bytes(2**20)) for _ in range(min(wanted >> 20, 512) + 1)]
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + b"".join(chunks)
        + _chunk(b"IDAT", b"".join(pixels) + packed.flush())
        + _chunk(b"IEND", b"")
    )


def _tiff(entries: Sequence[tuple[int, int, int, int]], following: int) -> bytes:
    """Return a TIFF file of one directory, at byte 8, and where the next one is said to be."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", following)
            + bytes(4096))  # fmt: skip


def _pages(width: int, height: int, following: int = 8) -> bytes:
    count = 12 * 9 + 2 + 4 + 8
    return _tiff([(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1),
                  (262, 3, 1, 1), (273, 4, 1, count), (277, 3, 1, 1), (278, 4, 1, height),
                  (279, 4, 1, min(width * height, 2**31))], following)  # fmt: skip


def _nifti(shape: tuple[int, ...], spare: int = 0) -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header["dim"][: len(shape) + 1] = [len(shape), *shape]
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return header.binaryblock + bytes(4) + SCAN.tobytes() + bytes(spare)


def _deflated(spare: int) -> bytes:
    data = clinic.dicom(SCAN, clinic.TOMOGRAPHY)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    good = _written(lambda path: clinic.save(data, path))
    packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    text = struct.pack("<HH2sHI", 0x0009, 0x0010, b"UT", 0, spare)
    return (
        good[: len(good) - len(_packed_part(good))]
        + packed.compress(text)
        + b"".join(packed.compress(bytes(2**20)) for _ in range(spare >> 20))
        + packed.flush()
    )


def _packed_part(good: bytes) -> bytes:
    """Return what follows the group of tags that is never packed."""
    length = struct.unpack_from("<I", good, 128 + 4 + 8)[0]
    return good[128 + 4 + 12 + length :]


def _nested(depth: int) -> bytes:
    """Return a DICOM file of sequences of undefined length, one in the other."""
    inside = whole("scan.dcm")
    head = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
    return inside + depth * (head + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF))


BOMB = "<!DOCTYPE a [<!ENTITY a '0123456789'>" + "".join(
    f"<!ENTITY a{i} '{8 * f'&a{i - 1 if i else chr(0)};'}'>".replace("\0", "") for i in range(9)
) + "]><HEDX>&a8;</HEDX>"  # fmt: skip
OUTSIDE = "<!DOCTYPE HEDX [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><HEDX>&a;</HEDX>"
ELSEWHERE = export(series(images(3))).replace("export", "../../../etc")

FLAT = np.zeros((1, 3000, 4000), np.uint8)

HOSTILE: dict[str, Callable[[], bytes]] = {
    "pickle.npy": _objects,
    "pickle.npz": lambda: _archive(scan=_objects()),
    "bare-pickle.npy": lambda: pickle.dumps(Evil()),
    "bare-pickle.png": lambda: pickle.dumps(Evil()),
    "head-of-code.npy": lambda: _promises((4, 16, 24)).replace(
        b"(4, 16, 24)", b"__import__('os').system('touch executed')"[:11]
    ),
    "terabyte.npy": lambda: _promises((2**40,)),
    "negative.npy": lambda: _promises((-1, 16, 24)),
    "empty.npy": lambda: _promises((0, 16, 24)),
    "many-axes.npy": lambda: _promises((1,) * 60),
    "text.npy": lambda: _npy(lambda file: np.save(file, np.full((16, 16), "x" * 99))),
    "records.npy": lambda: _npy(lambda file: np.save(file, np.zeros((16, 16), "u1,f8,O")["f0"])),
    "of-zeros.npz": lambda: _archive(scan=_promises((2**29,)) + bytes(2**27)),
    "too-large.npz": lambda: _archive(scan=_promises((2**30,)) + bytes(2**20)),
    "way-out.npz": lambda: _archive(**{"../../executed": whole("scan.npy")}),
    "in-itself.npz": lambda: _archive(scan=_archive(scan=whole("scan.npy"))),
    "thousands.npz": lambda: _archive(**{str(i): b"" for i in range(5000)}),
    "nothing.npz": lambda: _archive(),
    "long.png": lambda: _png(60_000, 1),
    "wide.png": lambda: _png(2**31 - 1, 2**31 - 1),
    "largest.png": lambda: _png(8192, 8192),
    "deepest.png": lambda: _png(12_000, 5000, depth=16, colour=6),
    "comment.png": lambda: _png(24, 16, _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27)))),
    "profile.png": lambda: _png(24, 16, _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**27)))),
    "comments.png": lambda: _png(24, 16, *[_chunk(b"tEXt", b"a\0b")] * 20_000),
    "frames.png": lambda: _png(24, 16, _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "long.jpg": lambda: whole("colour.jpg").replace(
        struct.pack(">HH", 24, 30), struct.pack(">HH", 65_500, 65_500)
    ),
    "program.jpg": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(executed) (w) file\n",
    "program.png": lambda: f"#!/usr/bin/env python3\n{SPREAD}\n".encode(),
    "drawing.png": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>0</script></svg>",
    "of-itself.tif": lambda: _pages(24, 16, 8),
    "of-far-away.tif": lambda: _pages(24, 16, 2**32 - 1),
    "large.tif": lambda: _pages(2**32 - 1, 2**32 - 1, 0),
    "strips.tif": lambda: _tiff([(256, 4, 1, 24), (257, 4, 1, 16), (273, 4, 2**28, 0)], 0),
    "entries.tif": lambda: b"II*\0" + struct.pack("<IH", 8, 65_535) + bytes(9000),
    "canvas.gif": lambda: b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6)
    + 900 * (b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02L\x01\0") + b";",
    "thousands.gif": lambda: b"GIF89a" + struct.pack("<HHBBB", 3000, 3000, 0x80, 0, 0) + bytes(6)
    + 4000 * (b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02L\x01\0") + b";",
    "large.bmp": lambda: b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 2**31 - 1, 2**31 - 1,
                                             1, 24, 0, 0, 0, 0, 0, 0),
    "grid.ppm": lambda: b"P6 99999999 99999999 255\n",
    "terabyte.nii": lambda: _nifti((32_767,) * 5),
    "of-zeros.nii.gz": lambda: gzip.compress(_nifti((4, 16, 24), 2**28), 9),
    "twice.nii.gz": lambda: gzip.compress(gzip.compress(_nifti((4, 16, 24)))),
    "bombs.xml": lambda: BOMB.encode(),
    "bombs-in-16-bits.xml": lambda: BOMB.encode("utf-16"),
    "outside.xml": lambda: OUTSIDE.encode(),
    "outside-in-16-bits.xml": lambda: OUTSIDE.encode("utf-16"),
    "elsewhere.xml": lambda: ELSEWHERE.encode(),
    "deep.xml": lambda: b"<HEDX>" * 200_000,
    "deflated.dcm": lambda: _deflated(10),
    "of-zeros.dcm": lambda: _deflated(2**30),
    "nested.dcm": lambda: _nested(20_000),
    "larger-than-told.dcm": lambda: _compressed(np.tile(FLAT, (4, 1, 1)), "JPEG2000"),
    "larger-jpeg.dcm": lambda: _compressed(np.tile(FLAT, (4, 1, 1)), "JPEG"),
    "no-frames.dcm": lambda: whole("jpeg.dcm").replace(b"IS\x02\x004 ", b"IS\x02\x000 "),
    "million-scans.vol": lambda: whole("scan.vol")[:12]
    + struct.pack("<3i", 24, 2**31 - 1, 16) + whole("scan.vol")[24:],
    "long-headers.vol": lambda: whole("scan.vol").replace(
        b"HSF-BS-103\0\0" + struct.pack("<i", 256), b"HSF-BS-103\0\0" + struct.pack("<i", 2**31 - 1)
    ),
    "nothing.dcm": lambda: b"",
    "unknown": lambda: bytes(200),
    "page.html": lambda: b"<html><script>0</script></html>",
    "line\nbreak.png": lambda: b"no image",
    "\x1b[2J.png": lambda: b"no image",
}  # fmt: skip
"""Files that no camera or scanner writes, and what they hold."""


@cache
def hostile_bytes(name: str) -> bytes:
    """Return what a file holds that was made to do harm."""
    return HOSTILE[name]()


def hostile(random: np.random.Generator, folder: Path) -> Path:
    """Write one of them, at times damaged, too."""
    name = chosen(random, sorted(HOSTILE))
    content = hostile_bytes(name)
    path: Path = folder / name
    path.write_bytes(spoiled_bytes(content, random) if random.random() < 0.3 else content)
    return path


def disguised(random: np.random.Generator, folder: Path) -> Path:
    """Write a good file under the name of another format."""
    kept, name = chosen(random, sorted(WHOLE)), chosen(random, sorted({*WHOLE, *HOSTILE}))
    path: Path = folder / name
    path.write_bytes(whole(kept))
    return path


def placed(random: np.random.Generator, folder: Path) -> Path:
    """Make what is no file: a pipe, a device, a link in a circle, a folder of such as slices."""
    name = chosen(random, sorted(WHOLE))
    path: Path = folder / name
    inside = folder / "slices"
    inside.mkdir()
    for number in range(int(random.integers(0, 4))):
        (inside / f"{number}.png").write_bytes(whole("grey.png"))
    odd = inside / f"{len(list(inside.iterdir()))}.png"
    kind = random.integers(8)
    target = inside if kind > 3 else path
    at = odd if kind > 3 else path
    if kind % 4 == 0:
        os.mkfifo(at)
    elif kind % 4 == 1:
        at.symlink_to(chosen(random, ["/dev/zero", "/dev/null", "/proc/self/mem", at.name, "/etc"]))
    elif kind % 4 == 2:
        at.mkdir()
    else:
        at.write_bytes(hostile_bytes(chosen(random, ["long.png", "program.png", "of-itself.tif"])))
    return target


INSIDE = {
    ".npz": ["scan", "arr_0", "../x", "\0"],
    ".vol": ["localizer", "x"],
    ".xml": ["localizer"],
}
"""Paths into a file that are tried, by suffix."""


def try_one(random: np.random.Generator, folder: Path) -> None:
    """Read a file as a photograph and as a scan; it is refused if it is neither."""
    place = folder / str(random.integers(2**62))
    place.mkdir()
    path = chosen(random, [damaged] * 6 + [hostile] * 2 + [disguised, placed])(random, place)
    paths = [path, *(path / name for name in INSIDE.get(path.suffix, ()))]
    decoder, refusals = Decoder(16, (2, 16, 16)), []
    for named in paths:
        for modality in ("fundus", "oct"):
            try:
                decoder.examine(modality, named)  # type: ignore[arg-type]
            except DataError as error:
                refusals.append(str(error).replace(str(path), path.suffix))
    assert all("\n" not in words and len(words) < LONGEST for words in refusals), refusals
    if len(refusals) == 2 * len(paths):
        raise DataError(refusals[0])


if __name__ == "__main__":
    command(try_one)
