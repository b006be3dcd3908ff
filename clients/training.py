"""The local loop: one round of training at one site."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clients.alignment import BankPartners, BatchPartners, CouplingLog
from clients.objectives import (
    AlignmentLoss,
    ExpertLoss,
    Fill,
    FusionLoss,
    Objective,
    PrototypeFill,
    ZeroFill,
    label_prior,
)
from clients.site import LocalSite
from fed.config import Method, Phase
from fed.protocol import TrainTask, Update
from fed.randomness import derive, generator, torch_generator
from fed.sites import MODALITIES, Modality
from model.parts import trained_modules
from model.rima import RIMA, Features, modules_of

# Views of each image that frozen encoders are shown in a round (evidence: two views paid).
FROZEN_VIEWS = 2


def train(site: LocalSite, task: TrainTask) -> Update:
    """Train the phase's modules on the site's cases for one round.

    Parameters
    ----------
    site : LocalSite
    task : TrainTask

    Returns
    -------
    Update
        Only modules that the phase trains and the site's modalities reach.
    """
    start = time.perf_counter()
    method, phase = site.config.method, site.config.method.phases[task.phase]
    network = site.network(task.parameters)
    modules = _returned_modules(site, method, phase)
    labels = torch.from_numpy(site.cases.labels())
    log = CouplingLog()
    with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator
        torch.manual_seed(derive(site.config.seed, site.name, task.round, "dropout"))
        objectives = _objectives(site, task, network, labels, log)
        losses, examples = _epochs(site, task, network, modules, objectives, labels)
    return Update(
        site=site.name,
        parameters=_parameters(network, modules),
        cases={module: _cases_behind(site, module) for module in modules},
        losses=losses,
        transport=log.count,
        examples=examples,
        seconds=time.perf_counter() - start,
    )


def _owned(site: LocalSite) -> tuple[Modality, ...]:
    """Return the modalities that some training case of the site has."""
    return tuple(
        m for m in MODALITIES if any(m in site.cases.cases[i].modalities for i in site.training)
    )


def _returned_modules(site: LocalSite, method: Method, phase: Phase) -> tuple[str, ...]:
    owned = MODALITIES if method.combine.scheme == "uniform" else _owned(site)
    return trained_modules(phase.trains, owned)


def _cases_behind(site: LocalSite, module: str) -> int:
    if site.config.method.combine.scheme == "by_module":
        for modality in MODALITIES:
            if module in (f"{modality}_encoder", f"{modality}_head"):
                return sum(modality in site.cases.cases[i].modalities for i in site.training)
    return len(site.training)


def _parameters(network: RIMA, modules: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    state = network.state_dict()
    grouped = modules_of(state)
    return {key: state[key].cpu().numpy() for module in modules for key in grouped[module]}


def _objectives(
    site: LocalSite, task: TrainTask, network: RIMA, labels: Tensor, log: CouplingLog
) -> list[Objective]:
    """Compose the losses that the method and the phase ask for."""
    config, method = site.config, site.config.method
    trains = method.phases[task.phase].trains
    adjusted = method.loss == "logit_adjusted"
    classes = len(config.task.classes)
    draws = torch_generator(config.seed, site.name, task.round, "partners")
    objectives: list[Objective] = []
    if "heads" in trains:
        priors = {
            m: label_prior(_labels_with(site, m, labels), classes, adjusted) for m in MODALITIES
        }
        objectives.append(ExpertLoss(network, priors))
    if "fusion" in trains:
        fill: Fill = ZeroFill()
        if method.fill == "prototype":
            fill = PrototypeFill(_bank_partners(task, network, method, log, draws))
        prior = label_prior(labels[site.training], classes, adjusted)
        objectives.append(FusionLoss(network, fill, prior, method.modality_dropout))
    aligned = {method.align_both, method.align_single} != {"none"}
    if "predictors" in trains and aligned:
        own = None if method.align_both == "none" else BatchPartners(method.align_both, log, draws)
        bank = (
            {}
            if method.align_single == "none"
            else _bank_partners(task, network, method, log, draws)
        )
        objectives.append(AlignmentLoss(network, own, bank))
    return objectives


def _labels_with(site: LocalSite, modality: Modality, labels: Tensor) -> Tensor:
    rows = [i for i in site.training if modality in site.cases.cases[i].modalities]
    return labels[rows]


def _bank_partners(
    task: TrainTask, network: RIMA, method: Method, log: CouplingLog, draws: torch.Generator
) -> dict[Modality, BankPartners]:
    buffers = network.transport
    moments = {
        "fundus": (buffers.fundus_mean.cpu(), buffers.fundus_std.cpu()),
        "oct": (buffers.oct_mean.cpu(), buffers.oct_std.cpu()),
    }
    return {
        modality: BankPartners(prototypes, *moments[modality], method.align_single, log, draws)
        for modality, prototypes in task.bank.items()
    }


def _epochs(
    site: LocalSite,
    task: TrainTask,
    network: RIMA,
    modules: Sequence[str],
    objectives: Sequence[Objective],
    labels: Tensor,
) -> tuple[dict[str, float], int]:
    """Run the round's optimisation; return the mean of each loss and the cases processed."""
    phase = site.config.method.phases[task.phase]
    trained = [getattr(network, module) for module in modules]
    for module in trained:
        module.train().requires_grad_(True)
    optimizer = _optimizer(site, task, trained)
    sums: dict[str, float] = defaultdict(float)
    examples = 0
    for features, rows in _feature_batches(site, task, network, "encoders" in phase.trains):
        if "heads" not in phase.trains or len(objectives) > 1:
            standardised = network.transport.standardise(features)
        total = torch.zeros(())
        for objective in objectives:
            given = features if objective.name == "experts" else standardised
            loss = objective(given, labels[rows])
            sums[objective.name] += float(loss.detach()) * len(rows)
            total = total + loss
        optimizer.zero_grad(set_to_none=True)
        if total.requires_grad:
            total.backward()
            optimizer.step()
        examples += len(rows)
    network.requires_grad_(False).eval()
    return {name: value / examples for name, value in sums.items()}, examples


def _optimizer(
    site: LocalSite, task: TrainTask, trained: Sequence[torch.nn.Module]
) -> torch.optim.Optimizer:
    parameters = [p for module in trained for p in module.parameters()]
    training = site.config.training
    if training.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=task.lr, momentum=0.9, weight_decay=training.weight_decay
        )
    return torch.optim.AdamW(
        parameters, lr=task.lr, weight_decay=training.weight_decay, foreach=True
    )


def _feature_batches(
    site: LocalSite, task: TrainTask, network: RIMA, encoders_train: bool
) -> Iterator[tuple[Features, NDArray[np.int64]]]:
    """Yield features and case positions, batch by batch.

    Where the encoders train, each batch is encoded as it comes. Where they are frozen, all cases
    are encoded once a round, in a few augmented views, and batches are drawn from that table.
    """
    config = site.config
    phase = config.method.phases[task.phase]
    batch_size = config.training.batch_size * phase.batch
    augment = (
        torch_generator(config.seed, site.name, task.round, "augmentation")
        if config.training.augment
        else None
    )
    shuffle = generator(config.seed, site.name, task.round, "shuffle")
    epochs = config.training.local_epochs * phase.epochs
    if encoders_train:
        for _ in range(epochs):
            for chunk in batches(shuffle.permutation(site.training), batch_size):
                yield network.encode(site.images.batch(chunk, augment)), chunk
        return
    views = FROZEN_VIEWS if augment is not None else 1
    table, rows = _encode_views(site, network, views, augment)
    for _ in range(epochs):
        for chunk in batches(shuffle.permutation(len(rows)), batch_size):
            yield table[torch.from_numpy(chunk)], rows[chunk]


def _encode_views(
    site: LocalSite, network: RIMA, views: int, augment: torch.Generator | None
) -> tuple[Features, NDArray[np.int64]]:
    rows = np.tile(site.training, views)
    with torch.no_grad():
        parts = [network.encode(site.images.batch(chunk, augment)) for chunk in batches(rows, 64)]
    return concatenate(parts), rows


def concatenate(parts: Sequence[Features]) -> Features:
    """Put features of several batches into one table."""
    return Features(
        torch.cat([p.fundus for p in parts]),
        torch.cat([p.oct for p in parts]),
        torch.cat([p.has_fundus for p in parts]),
        torch.cat([p.has_oct for p in parts]),
    )


def batches(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut an order into batches of about `size`, none of a single case (BatchNorm needs two)."""
    count = max(1, round(len(order) / size))
    return [chunk for chunk in np.array_split(order, count) if len(chunk)]
