"""Every random number of a federation, derived from (seed, site, round, purpose).

Nothing here or elsewhere draws from a global generator, so a number does not depend on which
engine, worker or order it was drawn in.
"""

import hashlib

import numpy as np
import torch


def derive(seed: int, *scope: str | int) -> int:
    """Return a 63-bit seed for one purpose.

    Parameters
    ----------
    seed : int
        The seed of the run.
    *scope : str or int
        What the numbers are for, for instance ``("tertiary-1", 3, "shuffle")``. Different scopes
        give independent streams.
    """
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in scope)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *scope: str | int) -> np.random.Generator:
    """Return a NumPy generator for one purpose; see `derive`."""
    return np.random.default_rng(derive(seed, *scope))


def torch_generator(
    seed: int, *scope: str | int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a torch generator for one purpose; see `derive`. GPUs draw other numbers than CPUs."""
    return torch.Generator(device).manual_seed(derive(seed, *scope))
