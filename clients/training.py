"""The local loop: one round of training at one site."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clients.batches import batches
from clients.gradient_accumulation import GradientAccumulator
from clients.local_round import LocalRound
from clients.noise import noise_of
from clients.private_steps import PatientGradients, Patients
from clients.site import LocalSite
from fed.config import Method, Phase
from fed.errors import ConfigError
from fed.privacy import Account
from fed.protocol import TrainTask, TransportCount, Update
from fed.randomness import derive, generator, torch_generator
from fed.sites import MODALITIES
from model.normalisation import holds_batch_statistics
from model.parts import ENCODER, HEAD, learned, trained_modules
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
    labels = torch.from_numpy(site.cases.labels()).to(site.device)
    local = LocalRound(site, task, network)
    with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator
        torch.manual_seed(derive(site.config.seed, site.name, task.round, "dropout"))
        losses, examples = _trained(local, modules, labels) if modules else ({}, 0)
    return Update(
        site=site.name,
        parameters=_parameters(network, modules, site.config.model.normalisation == "local"),
        cases={module: _cases_behind(site, module) for module in modules},
        losses=losses,
        transport=TransportCount() if site.config.privacy.epsilon else local.log.count,
        examples=examples,
        seconds=time.perf_counter() - start,
        variates=local.gradient.result() if local.gradient is not None else {},
    )


def _returned_modules(site: LocalSite, method: Method, phase: Phase) -> tuple[str, ...]:
    """Return the modules that the phase trains and that some case of the site trains."""
    modules = trained_modules(phase.trains, MODALITIES)
    if method.sends_everything:
        return modules
    return tuple(module for module in modules if _cases_behind(site, module))


def _cases_behind(site: LocalSite, module: str) -> int:
    method, cases = site.config.method, site.cases.cases
    if method.sends_everything:
        return site.told(site.training)
    for modality in MODALITIES:
        if module in (ENCODER[modality], HEAD[modality]):
            return site.told([i for i in site.training if modality in cases[i].modalities])
    if not method.trains_on_one:
        return site.told([i for i in site.training if cases[i].condition == "both"])
    return site.told(site.training)


def _parameters(
    network: RIMA, modules: Sequence[str], learned_only: bool
) -> dict[str, NDArray[np.float32]]:
    state = network.state_dict()
    grouped = modules_of(state)
    keys = [key for module in modules for key in grouped.get(module, ())]
    # A site lays weights out as suits it; sums over what it sends must not depend on that.
    return {
        key: state[key].contiguous().cpu().numpy()
        for key in keys
        if learned(key) or not learned_only
    }


def _trained(
    local: LocalRound, modules: Sequence[str], labels: Tensor
) -> tuple[dict[str, float], int]:
    """Run the round's optimisation; return the mean of each loss and the cases processed."""
    account = local.site.account
    if account is None:
        return _epochs(local, modules, labels)
    return {}, _private_steps(local, modules, labels, account)


def _private_steps(
    local: LocalRound, modules: Sequence[str], labels: Tensor, account: Account
) -> int:
    """Take the round's noised steps; return the cases that they draw on average.

    Nothing else is told of them: losses and counts of what was drawn are of the patients, too.
    """
    site, task, network = local.site, local.task, local.network
    phase = site.config.method.phases[task.phase]
    if any(holds_batch_statistics(getattr(network, module)) for module in modules):
        raise ConfigError(
            "privacy.epsilon: a part that trains has batch normalisation, whose statistics are of "
            "other patients; use group normalisation in it"
        )
    weights = _made_trainable(network, modules)
    optimizer, objectives = _optimizer(site, task, weights), local.objectives(weights)
    gradients = PatientGradients(weights, site.config.privacy.clip)
    rows, encoded = _private_features(site, task, network, "encoders" in phase.trains)
    patients = Patients([site.cases.cases[row].patient_id for row in rows])
    sampling = noise_of(site, task.round, "patients")
    noise = noise_of(site, task.round, "gradient noise")
    mechanism = account.mechanisms[phase.name]
    for _ in range(mechanism.steps):
        for own in patients.drawn(mechanism.rate, sampling):
            features, graded = encoded(own), labels[rows[own]]
            losses = [objective(features, graded) for objective in objectives]
            gradients.add(torch.stack(losses).sum())
        gradients.put(account.multiplier, mechanism.rate * len(patients), noise)
        optimizer.step()
    network.requires_grad_(False).eval()
    return round(mechanism.steps * mechanism.rate * len(site.training))


def _private_features(
    site: LocalSite, task: TrainTask, network: RIMA, encoders_train: bool
) -> tuple[NDArray[np.int64], Callable[[NDArray[np.int64]], Features]]:
    """Return the cases to draw from, and what encodes those at some positions among them."""
    augment = _augmentation(site, task)
    if encoders_train:
        return site.training, lambda own: site.encode(network, site.training[own], augment)
    rows = _frozen_rows(site, augment)
    table = site.encode_frozen(network, rows, augment)
    return rows, lambda own: table[torch.from_numpy(own)]


def _made_trainable(network: RIMA, modules: Sequence[str]) -> list[torch.nn.Parameter]:
    """Have modules train; return their weights."""
    trained = [getattr(network, module) for module in modules]
    for module in trained:
        module.train().requires_grad_(True)
    return [weight for module in trained for weight in module.parameters()]


def _epochs(
    local: LocalRound, modules: Sequence[str], labels: Tensor
) -> tuple[dict[str, float], int]:
    """Run the round's optimisation; return the mean of each loss and the cases processed."""
    site, task, network = local.site, local.task, local.network
    phase = site.config.method.phases[task.phase]
    weights = _made_trainable(network, modules)
    objectives = local.objectives(weights)
    gradient = local.averages_gradient(weights) if site.config.method.keeps_variates else None
    scaled = site.config.training.precision == "fp16"
    accumulator = GradientAccumulator(_optimizer(site, task, weights), scaled, site.device)
    sums: dict[str, float] = defaultdict(float)
    examples = 0
    for features, rows, share in _parts(site, task, network, "encoders" in phase.trains):
        total = torch.zeros(())
        for objective in objectives:
            loss = objective(features, labels[rows])
            sums[objective.name] += float(loss.detach()) * len(rows)
            total = total + loss
        accumulator.add(total * share.of_batch)
        if share.last:
            if gradient is not None:
                gradient.add()
            accumulator.step()
        examples += len(rows)
    network.requires_grad_(False).eval()
    losses = {name: value / examples for name, value in sums.items()}
    if scaled:
        losses["skipped_steps"] = accumulator.skipped / max(accumulator.steps, 1)
    return losses, examples


def _optimizer(
    site: LocalSite, task: TrainTask, weights: Sequence[torch.nn.Parameter]
) -> torch.optim.Optimizer:
    training = site.config.training
    if training.optimizer == "sgd":
        return torch.optim.SGD(
            weights, lr=task.lr, momentum=0.9, weight_decay=training.weight_decay
        )
    return torch.optim.AdamW(weights, lr=task.lr, weight_decay=training.weight_decay, fused=True)


class _Share(NamedTuple):
    """The place of a part in its batch: share of the cases, and whether the batch ends with it."""

    of_batch: float
    last: bool


def _parts(
    site: LocalSite, task: TrainTask, network: RIMA, encoders_train: bool
) -> Iterator[tuple[Features, NDArray[np.int64], _Share]]:
    """Yield features and case positions, batch by batch.

    Where the encoders train, each batch is encoded as it comes, in as many parts as
    ``training.accumulate`` asks for. Where they are frozen, all cases are encoded once a round, in
    a few augmented views, and batches are drawn from that table.
    """
    config = site.config
    phase = config.method.phases[task.phase]
    batch_size = config.training.batch_size * phase.batch
    augment = _augmentation(site, task)
    shuffle = generator(config.seed, site.name, task.round, "shuffle")
    epochs = config.training.local_epochs * phase.epochs
    if encoders_train:
        for _ in range(epochs):
            for chunk in batches(shuffle.permutation(site.training), batch_size):
                parts = min(config.training.accumulate, max(1, len(chunk) // 2))
                for number, part in enumerate(np.array_split(chunk, parts), 1):
                    share = _Share(len(part) / len(chunk), number == parts)
                    yield site.encode(network, part, augment), part, share
        return
    rows = _frozen_rows(site, augment)
    table = site.encode_frozen(network, rows, augment)
    for _ in range(epochs):
        for chunk in batches(shuffle.permutation(len(rows)), batch_size):
            yield table[torch.from_numpy(chunk)], rows[chunk], _Share(1.0, last=True)


def _augmentation(site: LocalSite, task: TrainTask) -> torch.Generator | None:
    """Return what training images are varied with, if they are; features are not."""
    given = all(modality in site.config.model.frozen for modality in site.cases.site.modalities)
    if given or not site.config.training.augment:
        return None
    scope = (site.name, task.round, "augmentation")
    return torch_generator(site.config.seed, *scope, device=site.device)


def _frozen_rows(site: LocalSite, augment: torch.Generator | None) -> NDArray[np.int64]:
    """Return the cases that frozen encoders are shown, once a view."""
    return np.tile(site.training, FROZEN_VIEWS if augment is not None else 1)
