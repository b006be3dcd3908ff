"""Parameters by name: what becomes of them on their way between server and sites."""

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

State = Mapping[str, NDArray[Any]]
"""Parameters and buffers by name, as in a torch state dict."""

HEADER_BYTES = 1024
"""More than `numpy.save` writes before the numbers of any array without named fields."""


def view(saved: bytes) -> NDArray[Any]:
    """Return what `numpy.save` wrote as a read-only view: nothing is copied.

    Raises
    ------
    ValueError
        If the header is not of numpy's first format, or asks for objects.
    """
    start = memoryview(saved)[:HEADER_BYTES]
    length = npy.MAGIC_LEN + 2 + int.from_bytes(start[npy.MAGIC_LEN : npy.MAGIC_LEN + 2], "little")
    shape, order, dtype = _header(bytes(start[:length]))
    return np.frombuffer(saved, dtype, offset=length).reshape(shape, order=order)


@lru_cache(maxsize=4096)  # sites send arrays of the same few shapes, round after round
def _header(content: bytes) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype[Any]]:
    """Read what stands before the numbers: their shape, their order and their type."""
    head = BytesIO(content)
    if (version := npy.read_magic(head)) != (1, 0):
        raise ValueError(f"an array in numpy's format {version}; expected (1, 0)")
    shape, in_columns, dtype = npy.read_array_header_1_0(head)
    if dtype.hasobject:
        raise ValueError("an array of Python objects; only numbers are read")
    return shape, "F" if in_columns else "C", dtype


def halved(parameters: State, received: State) -> dict[str, NDArray[Any]]:
    """Return in 16 bits by how much weights differ from those received; counters stay whole.

    The difference is small, so its 11 significant bits tell more than those of a weight would.
    """
    with np.errstate(over="ignore"):  # infinite then, which the server refuses by name
        return {
            name: (value - received[name]).astype(np.float16) if value.dtype.kind == "f" else value
            for name, value in parameters.items()
        }


def restored(parameters: State, sent: State) -> dict[str, NDArray[Any]]:
    """Return the weights behind what `halved` made of them, given what was sent to the site."""
    return {
        name: (sent[name] + value).astype(sent[name].dtype)
        if value.dtype == np.float16 and name in sent and value.shape == sent[name].shape
        else value
        for name, value in parameters.items()
    }
