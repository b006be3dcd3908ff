"""Computing in slots of one size, so that a row's result depends on nothing but the row."""

from collections.abc import Callable

import torch
from torch import Tensor


def in_slots(compute: Callable[..., Tensor], *inputs: Tensor, size: int) -> Tensor:
    """Return ``compute(*inputs)``, computed `size` rows at a time.

    Sums take another order in a batch of another size, so a row's last digits depend on how many
    there are beside it. Here the last slot is filled up with rows of zeros, which are cut off.

    Parameters
    ----------
    compute : callable
        Maps ``(size, ...)`` to ``(size, ...)``, row by row.
    inputs : Tensor
        ``(n, ...)`` each, with `n` at least 1.
    """
    rows = len(inputs[0])
    if rows == size:
        return compute(*inputs)
    slots = zip(*(tensor.split(size) for tensor in inputs), strict=True)
    return torch.cat([compute(*(_filled(t, size) for t in slot)) for slot in slots])[:rows]


def _filled(tensor: Tensor, size: int) -> Tensor:
    if len(tensor) == size:
        return tensor
    return torch.cat([tensor, tensor.new_zeros(size - len(tensor), *tensor.shape[1:])])
