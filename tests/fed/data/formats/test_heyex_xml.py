from pathlib import Path

import eyepy
import numpy as np
import pytest
from PIL import Image

from fed.data.formats.known import image_files
from fed.data.formats.stored import Eye
from fed.data.images import load_fundus
from fed.data.volumes import load_oct, open_oct
from fed.errors import DataError
from tests.fed.data.formats.clinic import PUBLISHED, needs_published

IMAGE = r"""<Image><ImageNumber>{number}</ImageNumber><Laterality>L</Laterality>
<ImageType><Type>{kind}</Type></ImageType>
<OphthalmicAcquisitionContext><Width>{width}</Width><Height>12</Height><ScaleX>0.011</ScaleX>
<ScaleY>0.0039</ScaleY><Start><Coord><X>1.0</X><Y>{y}</Y></Coord></Start>
</OphthalmicAcquisitionContext>
<ImageData><ExamURL>file:///\\clinic\export\{name}</ExamURL></ImageData></Image>"""


def series(images: str) -> str:
    return f"<Series><Laterality>L</Laterality>{images}</Series>"


def export(*series_: str) -> str:
    patient = "<Patient><PatientID>p3</PatientID><Study>{}</Study></Patient>"
    return f"<HEDX><BODY>{patient.format(''.join(series_))}</BODY></HEDX>"


def images(count: int, width: int = 20) -> str:
    """The localizer first, and B-scans whose file names tell no order."""
    names = [f"{(7 * number) % 16:X}{number}.tif" for number in range(count)]
    kinds = ["LOCALIZER", *["OCT"] * (count - 1)]
    return "".join(
        IMAGE.format(number=i, kind=kind, name=name, width=width, y=3 - 0.25 * i)
        for i, (kind, name) in enumerate(zip(kinds, names, strict=True))
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export of six B-scans whose localizer has their size."""
    for number in range(7):
        name = f"{(7 * number) % 16:X}{number}.tif"
        Image.fromarray(np.full((12, 20), 10 * number, np.uint8)).save(tmp_path / name)
    (tmp_path / "export.xml").write_text(export(series(images(7))))
    return tmp_path


@pytest.mark.parametrize("path", ["", "export.xml"])
def test_the_xml_tells_localizer_order_and_eye(folder: Path, path: str) -> None:
    opened = open_oct(folder / path)
    assert opened.pixels[:, 0, 0].tolist() == [10, 20, 30, 40, 50, 60]
    assert opened.eye == Eye("L", "p3", (0.25, 0.0039, 0.011))
    assert not load_fundus(folder / "export.xml" / "localizer").any()


def test_every_file_of_an_export_is_known(folder: Path) -> None:
    files = image_files(folder)
    assert files == image_files(folder / "export.xml")
    assert files[0].name == "export.xml"
    assert len(files) == 8


@needs_published
def test_an_export_of_another_writer_is_as_eyepy_reads_it() -> None:
    folder = PUBLISHED / "heyex_xml"
    expected = eyepy.import_heyex_xml(folder)
    np.testing.assert_array_equal(load_oct(folder), expected.data)
    localizer = load_fundus(folder / "test_dummy.xml" / "localizer")
    np.testing.assert_array_equal(localizer[..., 0], expected.localizer.data)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("<HEDX", "damaged"),
        ("<other/>", "not an export of HEYEX"),
        (export(), "0 series with B-scans"),
        (export(series(images(3)), series(images(3))), "2 series with B-scans"),
        (export(series(images(3, width=21))), "12 x 20 pixels, 12 x 21 by the XML"),
        (export(series(images(9))), "No such file"),
        (export(series(images(2).replace(r"export\71.tif", "export\\"))), "without a file name"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><HEDX/>', "defines entities"),
    ],
)
def test_exports_that_are_none_are_refused(folder: Path, text: str, trouble: str) -> None:
    (folder / "export.xml").write_text(text)
    with pytest.raises(DataError, match=trouble) as caught:
        load_oct(folder)
    assert str(folder) in str(caught.value)


def test_entities_are_refused_in_any_encoding(folder: Path) -> None:
    for encoding in ("utf-8", "utf-16"):
        text = '<!DOCTYPE HEDX [<!ENTITY b "c">]>' + export(series(images(7)))
        (folder / "export.xml").write_text(text, encoding=encoding)
        with pytest.raises(DataError, match=r"export\.xml: .*defines entities"):
            load_oct(folder)


def test_paths_in_the_xml_do_not_leave_its_folder(folder: Path, tmp_path: Path) -> None:
    Image.new("L", (20, 12)).save(tmp_path.parent / "outside.tif")
    text = export(series(images(2))).replace(r"\\clinic\export\71.tif", "../outside.tif")
    (folder / "export.xml").write_text(text)
    with pytest.raises(DataError, match="No such file"):
        load_oct(folder)


def test_two_exports_in_one_folder_are_refused(folder: Path) -> None:
    (folder / "other.xml").write_text(export(series(images(7))))
    with pytest.raises(DataError, match=r"several XML exports \(export\.xml, other\.xml\)"):
        load_oct(folder)
