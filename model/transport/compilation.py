"""How the code of a CPU is compiled: by numba, and kept for the next process.

What is compiled is kept beside its file, or in the user's cache. Numba makes it anew when that file
changes, not when a constant or a function does that another file defines: touch this one then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., object])

# Infinities and NaN keep their meaning; sums may be regrouped, which is what lets loops be vectorised.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz"},
}


def compiled(function: F) -> F:
    """Compile a function at its first call, or load it as an earlier process compiled it."""
    try:
        kept: F = njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # There is nowhere to keep it.
        kept = njit(**OPTIONS)(function)
    return kept
