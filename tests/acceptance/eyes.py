"""Phantom eyes as files that a manifest lists, and a finished run on them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from typer.testing import CliRunner

from fed.config import resolve
from fed.data.cases import CaseSource
from fed.data.opening import open_source
from fedrima.command import app
from tests.acceptance.federations import group, simulate, tiny

COLUMNS = ("case_id", "patient_id", "fundus", "oct", "grade", "site")


def write_manifest(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write rows as a manifest."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def drawn_eyes(folder: Path) -> list[dict[str, str]]:
    """Draw the eyes of five sites, 24 each, into files; return the rows of their manifest."""
    drawn = tiny(
        sites=[
            group("hospital", ["fundus", "oct"]),
            group("clinic-1", ["fundus"]),
            group("imaging", ["oct"]),
            group("unseen", {"fundus": 0.9, "oct": 0.8}, role="held_out", count=2),
        ]
    )
    return draw(open_source(resolve(drawn)), folder)


def draw(source: CaseSource, folder: Path) -> list[dict[str, str]]:
    """Draw the eyes of all sites of a source into files; return the rows of their manifest."""
    rows = []
    for site in source.sites:
        cases = source.open(site.name)
        for at, case in enumerate(cases.cases):
            row = {"case_id": f"{site.name}-{at:02}", "patient_id": f"{site.name}-p{at // 2}"}
            row |= {"grade": str(case.label), "site": site.name, "fundus": "", "oct": ""}
            if "fundus" in case.modalities:
                row["fundus"] = f"{row['case_id']}.png"
                pixels = np.moveaxis(cases.images.fundus(at), 0, -1)
                Image.fromarray(np.ascontiguousarray(pixels)).save(folder / row["fundus"])
            if "oct" in case.modalities:
                row["oct"] = f"{row['case_id']}.npy"
                np.save(folder / row["oct"], cases.images.oct(at))
            rows.append(row)
    return rows


def federation(manifest: Path, **changes: Any) -> dict[str, Any]:
    """Return a federation of the sites that a manifest names."""
    held = {"role": "held_out", "modalities": ["fundus", "oct"]}
    return tiny(
        data={
            "source": "manifest",
            "path": str(manifest),
            "site_column": "site",
            "image_size": 32,
            "volume_size": [4, 32, 32],
        },
        sites=[
            group("hospital", ["fundus", "oct"], cases=["hospital"]),
            group("clinic", ["fundus"], cases=["clinic-1"]),
            group("imaging", ["oct"], cases=["imaging"]),
            {"name": "unseen-1", "cases": ["unseen-1"], **held},
            {"name": "unseen-2", "cases": ["unseen-2"], **held},
        ],
        **changes,
    )


def trained(folder: Path, rows: Sequence[Mapping[str, str]], **changes: Any) -> Path:
    """Run a federation on the eyes of `rows`, whose files are in `folder`; return its folder."""
    manifest = write_manifest(folder / "manifest.csv", rows)
    path = folder / f"{changes.get('name', 'federation')}.yaml"
    path.write_text(yaml.safe_dump(federation(manifest, **changes)))
    out = folder / f"run-{changes.get('name', 'tiny')}"
    done = simulate(path, "--out", out, "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def fedrima(*arguments: object) -> Any:
    """Run a command of the program as a user types it, in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file as text, to the byte."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
