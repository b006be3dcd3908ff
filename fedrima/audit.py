"""`fedrima audit`: attacks on a finished run, by whoever has its data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from clients.answers import predict
from clients.site import LocalSite, open_site
from clients.training import train
from fed.config import Config
from fed.data.opening import open_source
from fed.engines.site import one_thread
from fed.errors import ConfigError, DataError
from fed.protocol import Bank, TrainTask
from fed.prototypes import bank_from_tensors
from fed.randomness import generator
from fed.results import Estimate, Run
from fed.schedule import schedule
from fed.sites import MODALITIES, Modality
from fed.states import State
from fed.storage import read_tensors, write_json
from fedrima.attacks import Inversion, Pool, inversion, membership
from model.rima import RIMA, Features
from server.selection import sent_modules, sent_prototypes, take

REPLICATES = 1000
FILE = "audit.json"
SAME_SITES, OTHER_SITES = "unseen patients of the same sites", "patients of the held-out sites"


@dataclass(frozen=True)
class Audit:
    """What the attacks found.

    Attributes
    ----------
    control : str
        Whose eyes the trained ones are told from. Those of other sites differ by their devices and
        grades, too, which an attack takes for membership.
    trained, unseen : int
        Patients of each kind.
    membership_model : Estimate
        AUC of membership by the loss of the final model.
    site : str
        Whose update was attacked: one more round of the last phase, from the final model.
    membership_update : Estimate
        AUC of membership by how much the update raised the probability of the right grade.
    inversion : dict
        By modality; empty without a bank that goes with the final encoders.
    epsilon : float or None
        What the run was allowed to spend.
    """

    control: str
    trained: int
    unseen: int
    membership_model: Estimate
    site: str
    membership_update: Estimate
    inversion: dict[Modality, Inversion]
    epsilon: float | None


def audit_run(folder: Path, site: str | None = None, replicates: int = REPLICATES) -> Audit:
    """Attack a finished run, and write what was found to its `FILE`.

    Parameters
    ----------
    site : str, optional
        Training site whose update is attacked; by default the one with most patients.

    Raises
    ------
    DataError
        If the folder holds no finished run.
    ConfigError
        If there is no common model, or no such site.
    """
    run = Run.load(folder)
    config = run.config
    if config.method.keeps_own_models:
        raise ConfigError(f"audit: {config.method.name} has no common model to attack")
    with one_thread():
        found = _attacked(config, read_tensors(_model_of(folder)), site, replicates)
    write_json(folder / FILE, _content(found))
    return found


def _model_of(folder: Path) -> Path:
    path = folder / "model.safetensors"
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    return path


def _attacked(
    config: Config, tensors: dict[str, NDArray[Any]], site: str | None, replicates: int
) -> Audit:
    state = {name: value for name, value in tensors.items() if not name.startswith("bank.")}
    bank = bank_from_tensors(tensors, "bank.")
    training, judges = _sites(config)
    own = config.evaluation.validation > 0
    unseen = [(s, s.validation) for s in training] if own else [(s, s.judged) for s in judges]
    trained = [(s, s.training) for s in training]
    known, other = (_probabilities(part, state) for part in (trained, unseen))
    attacked = _attacked_site(training, site)
    updated = _update(attacked, state, bank)
    one = [(s, rows) for s, rows in unseen if s is attacked] or unseen
    random = generator(config.seed, "audit")
    return Audit(
        control=SAME_SITES if own else OTHER_SITES,
        trained=len(set(known.patients)),
        unseen=len(set(other.patients)),
        membership_model=membership(known, other, replicates, random),
        site=attacked.name,
        membership_update=membership(
            _gains([(attacked, attacked.training)], state, updated),
            _gains(one, state, updated),
            replicates,
            random,
        ),
        inversion=_inverted(config, state, bank, trained, unseen, replicates, random),
        epsilon=config.privacy.epsilon,
    )


Part = Sequence[tuple[LocalSite, NDArray[np.int64]]]
"""Cases of sites."""


def _sites(config: Config) -> tuple[list[LocalSite], list[LocalSite]]:
    """Open the training sites and those held out."""
    opened: dict[str, list[LocalSite]] = {"train": [], "held_out": []}
    for site in open_source(config, check=False).sites:
        opened[site.role].append(open_site(config, site.name))
    return opened["train"], opened["held_out"]


def _attacked_site(training: Sequence[LocalSite], name: str | None) -> LocalSite:
    names = [site.name for site in training]
    if name is None:
        return max(training, key=lambda site: len(site.training))
    if name not in names:
        raise ConfigError(f"--site: {name!r} is no training site; allowed: {', '.join(names)}")
    return training[names.index(name)]


def _update(site: LocalSite, state: State, bank: Bank) -> State:
    """Return the model of a site after one more round of the last phase, as the run trains."""
    config, number = site.config, len(schedule(site.config)) + 1
    position = len(config.method.phases) - 1
    phase, card = config.method.phases[position], site.card
    task = TrainTask(
        number,
        position,
        config.training.lr * phase.lr,
        take(state, sent_modules(config.method, phase, card.modalities)),
        {m: bank[m] for m in sent_prototypes(config, phase, card, bank)},
    )
    changed = train(site, task).parameters
    return {**state, **{name: np.array(value) for name, value in changed.items()}}


def _probabilities(part: Part, state: State) -> Pool:
    """Return the probability of the right grade of each case, from what the case has."""
    values, labels, patients = [], [], []
    for site, rows in part:
        network = site.network(state)
        features = site.encode_frozen(network, rows)
        with torch.no_grad():
            graded = predict(network, site.config.method, features)
        right = site.cases.labels()[rows]
        values.append(graded[np.arange(len(rows)), right])
        labels.append(right)
        patients += _patients(site, rows)
    return Pool(np.concatenate(values), np.concatenate(labels), patients)


def _gains(part: Part, before: State, after: State) -> Pool:
    """Return by how much an update raised the log-probability of the right grade of each case."""
    first, second = (_probabilities(part, state) for state in (before, after))
    tiny = np.finfo(np.float64).tiny
    gains = np.log(np.maximum(second.values, tiny)) - np.log(np.maximum(first.values, tiny))
    return Pool(gains, first.labels, first.patients)


def _inverted(
    config: Config,
    state: State,
    bank: Bank,
    trained: Part,
    unseen: Part,
    replicates: int,
    random: np.random.Generator,
) -> dict[Modality, Inversion]:
    if "encoders" in config.method.phases[-1].trains:
        return {}  # the bank is of encoders that have moved since
    found = {}
    for modality in MODALITIES:
        if modality not in bank:
            continue
        pools = [_features(part, state, modality) for part in (trained, unseen)]
        scale = np.maximum(pools[0].values.std(axis=0), 1e-6)
        known, other = (Pool(p.values / scale, p.labels, p.patients) for p in pools)
        prototypes = bank[modality].means.astype(np.float64) / scale
        attacked = inversion(prototypes, bank[modality].labels, known, other, replicates, random)
        if attacked is not None:
            found[modality] = attacked
    return found


def _features(part: Part, state: State, modality: Modality) -> Pool:
    values, labels, patients = [], [], []
    for site, rows in part:
        network: RIMA = site.network(state)
        features: Features = site.encode_frozen(network, rows)
        fundus = modality == "fundus"
        present = (features.has_fundus if fundus else features.has_oct).cpu().numpy()
        values.append((features.fundus if fundus else features.oct).cpu().numpy()[present])
        labels.append(site.cases.labels()[rows][present])
        patients += _patients(site, rows[present])
    return Pool(np.concatenate(values).astype(np.float64), np.concatenate(labels), patients)


def _patients(site: LocalSite, rows: NDArray[np.int64]) -> list[str]:
    return [f"{site.name}\0{site.cases.cases[row].patient_id}" for row in rows]


def _content(found: Audit) -> dict[str, Any]:
    content = asdict(found)
    for name in ("membership_model", "membership_update"):
        content[name] = getattr(found, name).content()
    content["inversion"] = {
        modality: {name: estimate.content() for name, estimate in vars(attacked).items()}
        for modality, attacked in found.inversion.items()
    }
    return {"schema": 1, **content}


def audit_table(found: Audit) -> Table:
    """Return what was found as a table for the terminal."""
    title = f"Attacks on {found.trained} patients, beside {found.unseen} {found.control}"
    table = Table(title=title, title_justify="left")
    table.add_column("attack")
    table.add_column("found, 95 % interval", justify="right")
    table.add_column("without a leak", justify="right")
    table.add_row("membership, final model (AUC)", _words(found.membership_model), "0.5")
    table.add_row(
        f"membership, an update of {found.site} (AUC)", _words(found.membership_update), "0.5"
    )
    for modality, attacked in found.inversion.items():
        share = _words(attacked.nearest_is_trained)
        table.add_row(f"{modality} prototypes nearest to a trained eye (share)", share, "0.5")
        unseen = attacked.distance_unseen.value
        table.add_row(
            f"{modality} prototypes, distance to a trained eye",
            _words(attacked.distance_trained),
            "" if unseen is None else f"{unseen:.2f}",
        )
    return table


def _words(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f}  {estimate.low:.3f} to {estimate.high:.3f}"
