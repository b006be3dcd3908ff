"""How long a case takes on this machine: what the virtual clock is set by.

The sites' own code is run on a few of their own cases, so that whatever a method does is in the
figure, its transport included.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch

from clients.class_sums import class_sums
from clients.site import LocalSite, forget_network, whole_site
from clients.statistics import class_statistics
from clients.training import train
from fed.config import Config
from fed.config.clock import STATISTICS, CaseSeconds, SecondsPerCase
from fed.data.cases import CaseImages, CaseSource, Pixels, SiteCases
from fed.engines.site import one_thread
from fed.initial import initial_model
from fed.protocol import Bank, TrainTask
from fed.sites import CONDITIONS, MODALITIES, Condition
from fed.states import State

MOST_CASES = 16
"""More would say little more, and take minutes where the network is large."""
REPEATS = 3
ENOUGH_S = 0.1
"""Once this long has been spent on a figure, it is not measured again."""


def seconds_per_case(config: Config, source: CaseSource) -> SecondsPerCase:
    """Return the seconds a case takes, as configured or as measured here on one core.

    Seconds of the processor where it computes, since those of the wall grow with whatever else
    the machine does; the shortest of a few counts.
    """
    if config.clock is not None and config.clock.seconds_per_case is not None:
        return config.clock.seconds_per_case
    if not torch.cuda.is_available():  # the workers may have GPUs that this process has not
        config = config.model_copy(update={"engine": type(config.engine)()})
    with one_thread():
        measured = _measured(config, source)
    forget_network()
    return measured


def _measured(config: Config, source: CaseSource) -> SecondsPerCase:
    samples = {c: site for c in CONDITIONS if (site := _sample(config, source, c))}
    parameters = initial_model(config)
    bank = _bank([samples[m] for m in MODALITIES], parameters)
    measured = {
        phase.name: _by_condition(samples, _training(config, position, parameters, bank))
        for position, phase in enumerate(config.method.phases)
    }
    if config.asks_for_statistics:
        measured[STATISTICS] = _by_condition(
            samples, lambda site: class_statistics(site, parameters)
        )
    return measured


@dataclass(frozen=True)
class _Chosen:
    """Images of some cases of a site."""

    images: CaseImages
    rows: Sequence[int]
    mapped: bool = False

    def fundus(self, index: int) -> Pixels:
        return self.images.fundus(self.rows[index])

    def oct(self, index: int) -> Pixels:
        return self.images.oct(self.rows[index])


def _sample(config: Config, source: CaseSource, condition: Condition) -> LocalSite | None:
    """Return a site with a few cases that have just what `condition` says; None if none does."""
    needed = MODALITIES if condition == "both" else (condition,)
    most = min(MOST_CASES, config.training.batch_size)
    for site in source.sites:
        if site.role != "train" or not set(needed) <= set(site.modalities):
            continue
        held = source.open(site.name)
        having = (i for i, case in enumerate(held.cases) if set(needed) <= set(case.modalities))
        if rows := list(islice(having, most)):
            rows = rows * 2 if len(rows) == 1 else rows  # a batch has two cases at least
            cases = tuple(replace(held.cases[row], modalities=needed) for row in rows)
            return whole_site(config, SiteCases(held.site, cases, _Chosen(held.images, rows)))
    return None


def _bank(samples: Iterable[LocalSite], parameters: State) -> Bank:
    return {m: p for site in samples for m, p in class_statistics(site, parameters).bank.items()}


def _training(
    config: Config, phase: int, parameters: State, bank: Bank
) -> Callable[[LocalSite], object]:
    if config.method.phases[phase].solve is not None:
        return lambda site: class_sums(site, parameters)
    task = TrainTask(1, phase, config.training.lr, parameters, bank)
    return lambda site: train(site, task)


def _by_condition(
    samples: Mapping[Condition, LocalSite], work: Callable[[LocalSite], object]
) -> CaseSeconds:
    seconds = {c: _shortest(work, site) / len(site.cases) for c, site in samples.items()}
    # Where nobody has cases with both, nothing hangs on what one would take.
    complete = {"both": seconds["fundus"] + seconds["oct"]} | seconds
    return CaseSeconds(**{c: float(f"{s:.3g}") for c, s in complete.items()})


def _shortest(work: Callable[[LocalSite], object], site: LocalSite) -> float:
    """Time a piece of work; the first time, which reads the images, does not count."""
    now = time.process_time if site.device.type == "cpu" else time.perf_counter
    work(site)
    taken: list[float] = []
    while len(taken) < REPEATS and sum(taken) < ENOUGH_S:
        start = now()
        work(site)
        taken.append(now() - start)
    return min(taken)
