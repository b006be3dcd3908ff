"""The model of a finished run, ready to grade."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clients.answers import SLOT, predict
from clients.batches import batches
from clients.onboarding import training_shares
from clients.onboarding.archive import shares
from clients.site import ENCODED_AT_ONCE, encoded, equipped_network, filled
from fed.config import Config
from fed.config.schema import Engine
from fed.engines.site import one_thread
from fed.errors import ConfigError, nearest
from fed.own_models import common, own_state, owned, owners
from fed.protocol import Bank
from fed.results import Run
from fed.sites import MODALITIES, Modality
from model.normalisation import estimating
from model.rima import RIMA, Batch, Features

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Graded:
    """Grades of ``n`` eyes.

    Attributes
    ----------
    grades : tuple of str
        The most probable class of each.
    probabilities : ndarray
        ``(n, K)``.
    """

    grades: tuple[str, ...]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The network of a finished run and what answering with it takes.

    Attributes
    ----------
    config : Config
        Of the run, but on this machine's processor.
    network : RIMA
        With its weights, in evaluation mode.
    seen : tuple of {"fundus", "oct"}
        The modalities it has learned to look at.
    bank : Bank
        Prototypes of its features; empty where the run keeps none of its last encoders.
    prior : ndarray
        ``(K,)`` class shares that its answers are made for.
    digest : str
        SHA-256 of the file it is from.
    """

    config: Config
    network: RIMA
    seen: tuple[Modality, ...]
    bank: Bank
    prior: Vector
    digest: str

    @classmethod
    def of(cls, run: Run, site: str | None = None) -> "TrainedModel":
        """Return the model of a run.

        Parameters
        ----------
        site : str, optional
            Whose model, where the sites of the run keep models of their own.

        Raises
        ------
        ConfigError
            If `site` has none, or is needed.
        DataError
            If the model cannot be read.
        """
        weights = run.weights
        config = run.config.model_copy(update={"engine": Engine()})
        _check_site(site, owners(weights.state), run)
        seen: Sequence[Modality] = config.modalities
        state = common(weights.state)
        if site is not None:
            state, trained = own_state(weights.state, site), owned(weights.state, site)
            seen = trained or [m for m in MODALITIES if m in config.model.frozen]
        try:
            network = filled(equipped_network(config), state)
        except (ValueError, RuntimeError) as error:
            raise ConfigError(
                f"{run.folder}: the model is not that of config.yaml: {error}"
            ) from None
        bank = weights.bank if config.method.keeps_final_bank else {}
        return cls(config, network, tuple(seen), bank, _prior(run, bank), weights.digest)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the grades, mildest first."""
        return self.config.task.classes

    def predict(self, fundus: Tensor | None = None, oct: Tensor | None = None) -> Graded:
        """Grade eyes that all have the same images.

        An eye's grade does not depend on the others, except where normalisation is local: then
        the encoders take the statistics of all images that are given.

        Parameters
        ----------
        fundus : Tensor, optional
            ``(n, 3, height, width)``, bytes or in [0, 1], of the size in ``model.json``.
        oct : Tensor, optional
            ``(n, slices, depth, width)``, likewise, of the same eyes in the same order.

        Raises
        ------
        ValueError
            If neither is given, or one has not the shape or the values that it should.

        Examples
        --------
        >>> run = fedrima.load("runs/demo-fedrima-s0")  # doctest: +SKIP
        >>> run.model.predict(fundus=photographs).grades  # doctest: +SKIP
        ('early', 'healthy')
        """
        given: dict[Modality, Tensor] = {}
        for modality, images in zip(MODALITIES, (fundus, oct), strict=True):
            if images is not None:
                given[modality] = self._checked(modality, images)
        if not given:
            raise ValueError("give fundus, oct or both")
        numbers = {len(images) for images in given.values()}
        if len(numbers) > 1:
            raise ValueError(
                f"{len(given['fundus'])} photographs and {len(given['oct'])} OCT scans; "
                "both must be of the same eyes, in the same order"
            )
        parts = [_batch(given, rows) for rows in self._chunks(numbers.pop())]
        probabilities = self.settled(parts).answers(parts)
        return Graded(self.named(probabilities), probabilities)

    def settled(self, parts: Iterable[Batch]) -> "TrainedModel":
        """Return the model with the statistics of these images, if normalisation is local."""
        if self.config.model.normalisation != "local":
            return self
        network = copy.deepcopy(self.network)
        with torch.no_grad(), one_thread(), estimating(network):
            for part in parts:
                encoded(network, part, self.config)
        return replace(self, network=network)

    def encode(self, batch: Batch) -> Features:
        """Return the features of a batch, each row by itself."""
        with torch.no_grad(), one_thread():
            return encoded(self.network, batch, self.config, SLOT)

    def answer(self, features: Features) -> NDArray[np.float64]:
        """Return class probabilities ``(n, K)`` of features, each row by itself."""
        with torch.no_grad(), one_thread():
            return predict(self.network, self.config.method, features)

    def answers(self, parts: Sequence[Batch]) -> NDArray[np.float64]:
        """Return class probabilities ``(n, K)`` of several batches."""
        return np.concatenate([self.answer(self.encode(part)) for part in parts])

    def named(self, probabilities: NDArray[np.float64]) -> tuple[str, ...]:
        """Return the name of the most probable class of each row."""
        return tuple(self.classes[k] for k in probabilities.argmax(axis=1))

    def _chunks(self, number: int) -> list[NDArray[np.int64]]:
        return batches(np.arange(number), ENCODED_AT_ONCE)

    def _checked(self, modality: Modality, images: Tensor) -> Tensor:
        """Return images in [0, 1], or features as they are.

        Raises
        ------
        ValueError
            If they are not what the model looks at.
        """
        if modality not in self.seen:
            raise ValueError(f"{modality}: this model has not learned from any")
        if modality in self.config.model.frozen:
            return images
        data = self.config.data
        shape = (3, data.image_size, data.image_size) if modality == "fundus" else data.volume_size
        if tuple(images.shape[1:]) != tuple(shape) or not len(images):
            wanted = ", ".join(map(str, shape))
            raise ValueError(f"{modality}: shape {tuple(images.shape)}; expected (n, {wanted})")
        if images.dtype == torch.uint8:
            return images.float().div_(255.0)
        if not images.is_floating_point() or images.min() < 0 or not images.max() <= 1:
            raise ValueError(f"{modality}: expected bytes, or numbers from 0 to 1")
        return images.float()


def _batch(given: dict[Modality, Tensor], rows: NDArray[np.int64]) -> Batch:
    absent = torch.zeros((0, 0, 0, 0))
    chosen = torch.from_numpy(rows)
    return Batch(
        given["fundus"][chosen] if "fundus" in given else absent,
        given["oct"][chosen] if "oct" in given else absent,
        torch.full((len(rows),), "fundus" in given),
        torch.full((len(rows),), "oct" in given),
    )


def _check_site(site: str | None, known: Sequence[str], run: Run) -> None:
    if site is None and known:
        raise ConfigError(
            f"{run.folder}: {run.results.method} leaves every site a model of its own; say whose: "
            f"{', '.join(known)}"
        )
    if site is not None and site not in known:
        trouble = f"{site!r} has no model of its own in {run.folder}"
        raise ConfigError(trouble + (nearest(site, known) if known else "; leave the site out"))


def _prior(run: Run, bank: Bank) -> Vector:
    """Return the class shares that answers are made for: even, or those of the training cases."""
    classes, even = len(run.results.classes), run.config.method.loss.even_shares
    if even or bank:
        return training_shares(bank, classes, even)
    counts = np.zeros(classes)
    for card in run.results.with_role("train"):
        for of_class in card.cases.values():
            counts += of_class
    return shares(counts)
