"""One part of every kind, as a researcher writes them outside the sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy

from clients.attacks import Attack
from clients.fills import Complete, Completed, Fill
from clients.losses import Loss
from clients.partners import Partners
from clients.terms import Term
from fed.data.collection import Collection, Row
from fed.metrics import Metric
from fed.results import Results
from model.encoders.fundus import FundusEncoder
from model.encoders.oct import OctEncoder
from model.fusions import Fusion
from server.observers import Observer
from server.optimizers import ServerOptimizer
from server.reductions import Reduction
from server.reductions.mean import Mean
from server.trackers import Tracker
from server.weights import Weight


@dataclass(frozen=True)
class Constant(Fill):
    """The same number for every missing feature."""

    value: float = 0.5

    def in_training(self, local) -> Complete:
        def complete(features, labels):
            fundus = torch.where(features.has_fundus[:, None], features.fundus, self.value)
            oct_ = torch.where(features.has_oct[:, None], features.oct, self.value)
            return Completed(fundus, oct_, torch.ones_like(features.has_fundus))

        return complete


@dataclass(frozen=True)
class First(Partners):
    """The first case, or prototype, of the class."""

    def among_cases(self, features, labels, draws):
        lx, ly = labels[features.has_fundus], labels[features.has_oct]
        return _first(lx, ly), _first(ly, lx)

    def among_prototypes(self, x, labels, bank, draws):
        return _first(labels, bank.labels)


def _first(lx, ly):
    same = lx[:, None] == ly[None, :]
    return torch.where(same.any(1), same.float().argmax(1), -1) if len(ly) else -torch.ones_like(lx)


@dataclass(frozen=True)
class Gated(Fusion):
    """Both features, the OCT's through a gate."""

    def branches(self, dx: int, dy: int, sizes) -> Mapping[str, nn.Module]:
        return {"joint_fusion": nn.Linear(dx, dy)}

    def fuse(self, model, fundus, oct_features):
        return torch.cat([fundus, torch.sigmoid(model.joint_fusion(fundus)) * oct_features], dim=1)


class _Pooled(nn.Module):
    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.features = features
        self.linear = nn.Linear(inputs, features)

    def forward(self, images):
        return self.linear(nn.functional.adaptive_avg_pool2d(images.flatten(1, -3), 4).flatten(1))


@dataclass(frozen=True)
class ThumbnailFundus(FundusEncoder):
    """A linear map of a 4 x 4 thumbnail."""

    features: int = 12

    def build(self, image_size: int) -> nn.Module:
        return _Pooled(3 * 16, self.features)


@dataclass(frozen=True)
class ThumbnailOct(OctEncoder):
    """A linear map of 4 x 4 thumbnails of the slices."""

    features: int = 10

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        return _Pooled(volume_size[0] * 16, self.features)


@dataclass(frozen=True)
class Smoothed(Loss):
    """Cross-entropy with smoothed labels."""

    by: float = 0.1

    def at_site(self, counts):
        def loss(logits, labels, base=None):
            given = logits if base is None else logits + base
            return cross_entropy(given, labels, label_smoothing=self.by)

        return loss


@dataclass(frozen=True)
class Stubborn(Attack):
    """Weights that stay what they were."""

    def parameters(self, trained, received, random):
        return {name: received[name] for name in trained}


@dataclass(frozen=True)
class Small(Term):
    """Weights that stay small."""

    by: float = 1e-3

    def objective(self, local, weights):
        return _Norm(self.by, weights)


@dataclass
class _Norm:
    by: float
    weights: list
    name: str = "norm"

    def __call__(self, features, labels):
        return self.by * sum(weight.square().sum() for weight in self.weights)


@dataclass(frozen=True)
class Root(Weight):
    """The root of the number of cases."""

    def of(self, card, module, cases):
        return cases**0.5


@dataclass(frozen=True)
class Halfway(Reduction):
    """Half of the way to the mean."""

    streams = True

    def fold(self, current):
        return _Half(current, Mean().fold(current))


@dataclass
class _Half:
    current: dict
    mean: object

    def add(self, update, weight, stratum):
        self.mean.add(update, weight, stratum)

    def result(self, rule):
        found, _ = self.mean.result(rule)
        return {key: (value + self.current[key]) / 2 for key, value in found.items()}, {"half": 1.0}


@dataclass(frozen=True)
class Sign(ServerOptimizer):
    """A step of fixed length along the sign of the change."""

    lr: float = 1e-3

    def _step(self, name, difference, moments):
        return self.lr * np.sign(difference), {}


@dataclass(frozen=True)
class Certainty(Metric):
    """Mean of the highest probability."""

    title: ClassVar[str] = "certainty"
    meaning: ClassVar[str] = "how sure the model is"
    aspect: ClassVar[str] = "trust"

    def __call__(self, sample):
        return sample.mean(np.ones(len(sample.sample.labels)))


@dataclass(frozen=True)
class Squares:
    """Grey squares, brighter where the eye is ill, drawn into the folder that is named."""

    cases: int = 96

    def read(self, root: Path, label: str) -> Collection:
        root.mkdir(parents=True, exist_ok=True)
        rows = []
        for number in range(self.cases):
            grade = number % 2
            paths = [root / f"{number}-{modality}.png" for modality in ("fundus", "oct")]
            for path in paths:
                if not path.exists():
                    shade = 80 + 60 * grade + number % 7
                    Image.new(
                        "RGB" if path is paths[0] else "L",
                        (40, 40),
                        (shade,) * 3 if path is paths[0] else shade,
                    ).save(path)
            rows.append(Row(f"case-{number}", f"patient-{number}", grade, *paths))
        return Collection(("healthy", "ill"), tuple(rows))


@dataclass(frozen=True)
class Diary(Tracker):
    """A line a round in a text file."""

    file: str = "diary.txt"

    def follow(self, directory, config):
        return _Lines(directory / self.file)


class _Lines(Observer):
    def __init__(self, path: Path) -> None:
        self.path = path

    def round_ended(self, record) -> None:
        with self.path.open("a") as file:
            file.write(f"round {record.round}\n")

    def ended(self, results: Results | None) -> None:
        with self.path.open("a") as file:
            file.write("the end\n" if results else "stopped\n")
