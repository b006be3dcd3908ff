"""The eyes of `configs/five-sources.yaml`, in small: each kind of file by another library."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.fed.data.collections.files import picture
from tests.fed.data.formats.clinic import PHOTOGRAPHY_8, TOMOGRAPHY, dicom, save, vol

CONFIG = "configs/five-sources.yaml"
EYES = 12
PLACES = {"hospital": 0, "idrid": 1, "heidelberg": 2, "unseen": 4}
"""Sites that read files, and where each stands in the configuration."""


def write_sources(folder: Path) -> dict[str, str]:
    """Write all files; return where each site's own lie."""
    random = np.random.default_rng(0)
    return {
        "hospital": _manifest(folder / "hospital", _dicom(folder / "hospital", random)),
        "idrid": _idrid(folder / "idrid"),
        "heidelberg": _manifest(folder / "heidelberg", _vol(folder / "heidelberg", random)),
        "unseen": _manifest(folder / "unseen", _pictures(folder / "unseen")),
    }


def overrides(paths: Mapping[str, str]) -> list[str]:
    """Return what tells the configuration where the files lie, at a size for tests."""
    where = [f"sites.{PLACES[name]}.data.path={path}" for name, path in paths.items()]
    return [*where, "data.image_size=32", "data.volume_size=[1,32,32]", "evaluation.bootstrap=20"]


def _label(number: int) -> int:
    return number % 2


def _dicom(folder: Path, random: np.random.Generator) -> list[dict[str, object]]:
    folder.mkdir(parents=True)
    rows = []
    for number in range(EYES):
        bright = 40 + 60 * _label(number)
        tags = {"PatientID": f"p{number}", "ImageLaterality": "LR"[number % 2]}
        photograph = random.integers(bright, bright + 80, (24, 30, 3)).astype(np.uint8)
        scan = random.integers(bright, bright + 80, (1, 20, 30)).astype(np.uint8)
        save(dicom(photograph, PHOTOGRAPHY_8, **tags), folder / f"{number}-fundus.dcm")
        save(dicom(scan, TOMOGRAPHY, **tags), folder / f"{number}-oct.dcm")
        images = {"fundus": f"{number}-fundus.dcm", "oct": f"{number}-oct.dcm"}
        rows.append(
            {"case_id": number, "patient_id": f"p{number}", "dme": _label(number), **images}
        )
    return rows


def _vol(folder: Path, random: np.random.Generator) -> list[dict[str, object]]:
    folder.mkdir(parents=True)
    rows = []
    for number in range(EYES):
        scan = random.uniform(0, 0.2 + 0.5 * _label(number), (1, 20, 30))
        localizer = random.integers(0, 256, (8, 8))
        (folder / f"{number}.vol").write_bytes(vol(scan, localizer))
        rows.append(
            {"case_id": number, "dme": _label(number), "fundus": "", "oct": f"{number}.vol"}
        )
    return rows


def _pictures(folder: Path) -> list[dict[str, object]]:
    rows = []
    for number in range(EYES):
        names = {modality: f"{number}-{modality}.png" for modality in ("fundus", "oct")}
        for modality, name in names.items():
            shade = 30 + 80 * _label(number) + 2 * number + (modality == "oct")
            picture(folder / name, shade, (24, 30))
        rows.append({"case_id": number, "dme": _label(number), **names})
    return rows


def _idrid(root: Path) -> str:
    """Write photographs and tables as IDRiD has them: risk of oedema 0 or 2."""
    part = root / "B. Disease Grading"
    for letter, images, name in (
        ("a", "a. Training Set", "Training"),
        ("b", "b. Testing Set", "Testing"),
    ):
        lines = ["Image name,Retinopathy grade,Risk of macular edema"]
        for number in range(1, EYES + 1):
            lines.append(f"IDRiD_{number:03},0,{2 * _label(number)}")
            shade = 35 + 70 * _label(number) + 2 * number + (letter == "b")
            picture(
                part / "1. Original Images" / images / f"IDRiD_{number:03}.jpg", shade, (24, 30)
            )
        sheet = part / "2. Groundtruths" / f"{letter}. IDRiD_Disease Grading_{name} Labels.csv"
        sheet.parent.mkdir(exist_ok=True)
        sheet.write_text("\n".join(lines))
    return str(root)


def _manifest(folder: Path, rows: Sequence[Mapping[str, object]]) -> str:
    path = folder / "eyes.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)
