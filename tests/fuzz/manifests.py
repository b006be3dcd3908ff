"""Manifests: a table of good eyes, spoiled letter by letter or cell by cell."""

import os
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from fed.config import Config, resolve
from fed.data.opening import open_source
from tests.fuzz.batches import VALUES, chosen, command, spoiled_bytes

HEADER = ["case_id", "patient_id", "laterality", "fundus", "oct", "grade", "hospital", "sex"]
EYES = 12
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-8")
SEPARATORS = (",", ",", ",", ";", "\t", "|")
ENDS = ("\n", "\n", "\r\n", "\r")


@cache
def images(folder: Path) -> None:
    """Draw the eyes, and files that are none."""
    for number in range(EYES):
        for kind in "fo":
            pixels = np.random.default_rng(number).integers(0, 256, (20, 20)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}{kind}.png")
    (folder / "text.png").write_text("no image")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "out.png").symlink_to("/etc/passwd")
    (folder / "zero.png").symlink_to("/dev/zero")


def rows() -> list[list[str]]:
    """Return the cells of a good manifest."""
    return [
        [f"{i}", f"p{i // 2}", ("OD", "OS")[i % 2], f"{i}f.png", f"{i}o.png", str(i % 2), "a", "f"]
        for i in range(EYES)
    ]


SPECIAL = ("text.png", "folder.png", "pipe.png", "loop.png", "out.png", "zero.png", "../0f.png",
           "./0f.png", "0o.png", "0f.png" * 60, "~/x.png", "file:///etc/passwd", "NA", "nan", "1.0",
           "=cmd|' /C calc'!A0", "@SUM(1)", '"', '""', "'", "a,b", "none", "some", "OU")  # fmt: skip


def text(random: np.random.Generator) -> str:
    """Return a manifest whose cells, columns or lines are not what they should be."""
    table = [list(HEADER), *rows()]
    for _ in range(int(random.integers(1, 4))):
        row, column = int(random.integers(len(table))), int(random.integers(len(HEADER)))
        kind = random.integers(8)
        if kind < 4:
            values = [*SPECIAL, *(str(v)[:3000] for v in VALUES)]
            table[row][column % len(table[row])] = chosen(random, values)
        elif kind == 4:
            table[row] = table[row][: max(1, column)]
        elif kind == 5:
            table.insert(row, list(chosen(random, table)))
        elif kind == 6:
            table[row] = [*table[row], "more"]
        elif len(table) > 2:
            del table[row]
    separator, end = chosen(random, SEPARATORS), chosen(random, ENDS)
    return end.join(separator.join(cells) for cells in table) + end


def configuration(folder: Path, random: np.random.Generator) -> Config:
    """Return a federation of the manifest."""
    sites = [
        {"name": "clinic", "modalities": ["fundus", "oct"], "cases": 0.5},
        {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 0.5},
    ]
    subgroups = ["sex"] if random.random() < 0.3 else []
    return resolve(
        {
            "task": {"classes": ["none", "some"]},
            "sites": sites,
            "data": {
                "source": "manifest",
                "path": str(folder / "manifest.csv"),
                "label": chosen(random, ["grade", "grade", "grade", "sex", "no such column"]),
                "image_size": 16,
                "volume_size": [1, 16, 16],
            },
            "evaluation": {"subgroups": subgroups},
        }
    )


def try_one(random: np.random.Generator, folder: Path) -> None:
    """Open a manifest as the program does, every image of it."""
    images(folder)
    content = text(random).encode(chosen(random, ENCODINGS), "replace")
    if random.random() < 0.25:
        content = spoiled_bytes(content, random)
    (folder / "manifest.csv").write_bytes(content)
    source = open_source(configuration(folder, random))
    for site in source.sites:
        source.open(site.name).card(2)
    assert all(isinstance(words, str) for words in source.warnings)


if __name__ == "__main__":
    command(try_one)
