"""Draw ``docs/figures/phantom2.png``: ``python -m benchmarks.clinic_gallery [FILE]``.

Patients of `data.version: 2`. Above, on average devices, an eye of every kind: photograph, B-scan
through its fovea and one beside it. Below, one eye with geographic atrophy on a training site's
devices and on those of three held-out ones.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fed.data.phantom.clinic import Eye, Patient, eye_of
from fed.data.phantom.clinic.camera import Camera
from fed.data.phantom.clinic.devices import CameraStyle, Devices, ScannerStyle, draw_devices
from fed.data.phantom.clinic.patient import Disease
from fed.data.phantom.clinic.scanner import Scanner

SIZE, VOLUME = 192, (25, 96, 192)
SLICES = (12, 9)
COLUMNS = 4
KINDS: tuple[tuple[Disease, int, str, str], ...] = (
    ("amd", 0, "none", "drusen"),
    ("amd", 1, "medium drusen", "drusen"),
    ("amd", 2, "large drusen", "drusen"),
    ("amd", 2, "large drusen and pigment", "pigment"),
    ("amd", 3, "geographic atrophy", "atrophy"),
    ("amd", 3, "geographic atrophy", "atrophy"),
    ("amd", 3, "neovascular", "fluid"),
    ("amd", 3, "neovascular", "blood"),
    ("diabetes", 1, "mild, no oedema", "aneurysms"),
    ("diabetes", 2, "moderate, near the centre", "swelling"),
    ("diabetes", 3, "severe or proliferative, no oedema", "preretinal"),
    ("diabetes", 3, "moderate, in the centre", "exudates"),
)
"""Disease, grade, subtype, and what has to be there."""
FIRST_SEED = 28


def sheet() -> Image.Image:
    """Return the contact sheet."""
    average = Devices(CameraStyle(), ScannerStyle())
    cells = [_cell(eye, average, seed) for seed, eye in _eyes()]
    seed, eye = _of_kind("amd", 3, "geographic atrophy", "atrophy", 300)
    for role, number in (("train", 1), ("held_out", 2), ("held_out", 3), ("held_out", 4)):
        devices = draw_devices(1.0, role, np.random.default_rng(number))  # type: ignore[arg-type]
        cells.append(_cell(eye, devices, seed))
    rows = [np.concatenate(cells[i : i + COLUMNS], axis=1) for i in range(0, len(cells), COLUMNS)]
    return Image.fromarray(np.concatenate(rows, axis=0))


def _eyes() -> Iterator[tuple[int, Eye]]:
    """Yield an eye of every kind, with the seed of its pictures."""
    seed = FIRST_SEED
    for disease, grade, subtype, shown in KINDS:
        seed, eye = _of_kind(disease, grade, subtype, shown, seed + 1)
        yield seed, eye


def _of_kind(disease: Disease, grade: int, subtype: str, shown: str, seed: int) -> tuple[int, Eye]:
    """Return the first eye of a subtype, from `seed` on, that has the lesions `shown`."""
    while True:
        random = np.random.default_rng(seed)
        patient = Patient(disease, seed % 2 == 0, random.random(), 0.0, 1.0, (grade, grade))
        eye = eye_of(patient, True, random)
        if eye.lesions.subtype == subtype and getattr(eye.lesions, shown).x.size:
            return seed, eye
        seed += 1


def _cell(eye: Eye, devices: Devices, seed: int) -> NDArray[np.uint8]:
    """Return photograph and two B-scans side by side."""
    random = np.random.default_rng(seed)
    fundus = Camera(SIZE, devices.camera).photograph(eye, random)
    volume = Scanner(VOLUME, devices.scanner).scan(eye, random)
    scans = np.concatenate([volume[s] for s in SLICES], axis=0)
    return np.concatenate([fundus.transpose(1, 2, 0), np.stack([scans] * 3, axis=-1)], axis=1)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures/phantom2.png")
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet().quantize(192).save(target, optimize=True)
