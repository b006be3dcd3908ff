"""Where the random numbers of differential privacy come from."""

import hashlib
import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clients.site import LocalSite
from fed.randomness import generator
from fed.states import State

Floats = NDArray[np.float64]

_BITS = 53
"""Of a double between 0 and 1."""


class Noise(Protocol):
    """A stream of random numbers."""

    def uniform(self, count: int) -> Floats:
        """Return numbers between 0 and 1."""
        ...

    def normal(self, shape: Sequence[int]) -> Floats:
        """Return numbers of the standard normal distribution."""
        ...


class SeededNoise:
    """For simulations, which give the same bytes again."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def uniform(self, count: int) -> Floats:
        """Return numbers between 0 and 1."""
        return self._random.random(count)

    def normal(self, shape: Sequence[int]) -> Floats:
        """Return numbers of the standard normal distribution."""
        return self._random.standard_normal(tuple(shape))


class SystemNoise:
    """Of the operating system's entropy: nobody who knows the configuration can draw it again."""

    def uniform(self, count: int) -> Floats:
        """Return numbers between 0 and 1, neither of which is drawn."""
        bits = np.frombuffer(os.urandom(8 * count), dtype=np.uint64) >> (64 - _BITS)
        return (bits.astype(np.float64) + 0.5) / 2.0**_BITS

    def normal(self, shape: Sequence[int]) -> Floats:
        """Return numbers of the standard normal distribution, by its inverse."""
        from scipy.special import ndtri  # only where a budget asks for noise

        return np.asarray(ndtri(self.uniform(int(np.prod(shape))))).reshape(tuple(shape))


def parameters_digest(parameters: State) -> str:
    """Return what stands for the round in the scope of noise: a message without one has weights."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(parameters):
        digest.update(name.encode() + np.ascontiguousarray(parameters[name]).tobytes())
    return digest.hexdigest()


def noise_of(site: LocalSite, *scope: str | int) -> Noise:
    """Return the noise of a site for one purpose."""
    if site.deployed:
        return SystemNoise()
    return SeededNoise(generator(site.config.seed, site.name, *scope))
