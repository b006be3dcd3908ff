"""Gradient checkpointing: compute a part of a network again in the backward pass, not store it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


@contextmanager
def _running_statistics_kept(owner: nn.Module) -> Iterator[None]:
    """Let BatchNorm see a batch again without counting it again.

    The layers still pass their running statistics through, as the backward pass expects the
    very tensors of the forward pass, but give the batch no weight in them.
    """
    norms = [m for m in owner.modules() if isinstance(m, _BatchNorm)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, counter) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, counter


def recomputed(owner: nn.Module, part: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Return ``part(inputs)``, storing only `inputs` for the backward pass.

    Values, gradients and running statistics are those of the plain call. Without gradients it is
    the plain call.

    Parameters
    ----------
    owner : nn.Module
        The network `part` belongs to; its BatchNorm layers keep their statistics while the part
        runs again.
    part : callable
        Deterministic: no dropout inside.
    inputs : Tensor
    """
    if not torch.is_grad_enabled():
        return part(inputs)

    if torch.compiler.is_compiling():  # the compiler itself never repeats an update of a buffer
        return checkpoint(part, inputs, use_reentrant=False, preserve_rng_state=False)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _running_statistics_kept(owner)

    return checkpoint(
        part, inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
    )
