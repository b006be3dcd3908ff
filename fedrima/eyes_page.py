"""The page of `fedrima predict --page`: the worst eyes, and what their grades rest on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from clients.grading import TrainedModel
from clients.grading.encoding import pictures
from clients.grading.maps import occlusion_maps
from fed.data.ungraded import UngradedEye
from fed.report.eyes import GradedEye, write_eyes
from fed.results import Results

SHOWN = 24


def write_worst(
    path: Path,
    model: TrainedModel,
    results: Results,
    eyes: Sequence[UngradedEye],
    heads: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    """Write a page of the `SHOWN` worst eyes of a table.

    Parameters
    ----------
    eyes : sequence of UngradedEye
        Among them those of the table.
    heads, rows
        The table. Maps are of the model as it came, also where it was adapted.

    Raises
    ------
    ConfigError
        As `occlusion_maps` does.
    """
    by_id = {eye.case_id: eye for eye in eyes}
    table = [dict(zip(heads, row, strict=True)) for row in rows]
    classes = len(model.classes)
    worst = sorted(table, key=lambda row: -sum(k * row[f"p_{k}"] for k in range(classes)))[:SHOWN]
    shown = [_graded(model, by_id[row["case_id"]], row) for row in worst]
    name = f"{results.name}, {results.method}, seed {results.seed}"
    write_eyes(path, shown, len(table), model.classes, name)


def _graded(model: TrainedModel, eye: UngradedEye, row: dict[str, Any]) -> GradedEye:
    batch = pictures(model, [eye]).batch
    maps = occlusion_maps(model, batch)
    remarks = [f"Prediction set: {row['set']}"] if row.get("set") else []
    if row["doubts"]:
        remarks.append(f"Doubtful: {row['doubts']}")
    if row.get("unlike"):
        remarks.append(f"Unlike the eyes that the model was trained on: {row['unlike']}")
    return GradedEye(
        case_id=eye.case_id,
        grade=row["grade"],
        probabilities=tuple(row[f"p_{k}"] for k in range(len(model.classes))),
        fundus=_bytes(batch.fundus),
        oct=_bytes(batch.oct),
        fundus_map=maps.get("fundus"),
        oct_map=maps.get("oct"),
        remarks=tuple(remarks),
    )


def _bytes(images: Tensor) -> Any:
    """Return the one image that there is in 8 bits, or None."""
    return np.rint(images[0].numpy() * 255).astype(np.uint8) if len(images) else None
