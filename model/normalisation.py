"""Which normalisation a network uses when its statistics must not depend on a site's batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

MAX_GROUPS = 32
MIN_CHANNELS = 8

Module = TypeVar("Module", bound=nn.Module)


def groups_of(channels: int) -> int:
    """Return the largest divisor of `channels` that is at most 32 and leaves 8 channels a group.

    32 groups is the choice of Wu & He (Group Normalization, 2018); widths that 32 does not divide
    (26 to 208 in Res2Net) get fewer, and never groups so thin that they wipe out a channel's mean.
    """
    fits = (
        groups
        for groups in range(1, MAX_GROUPS + 1)
        if channels % groups == 0 and channels // groups >= MIN_CHANNELS
    )
    return max(fits, default=1)


def _group_norm(norm: _BatchNorm) -> nn.GroupNorm:
    channels = norm.num_features
    group = nn.GroupNorm(groups_of(channels), channels, eps=norm.eps, affine=norm.affine)
    group.load_state_dict(dict(norm.named_parameters()))
    return group


def holds_batch_statistics(module: nn.Module) -> bool:
    """Return whether some layer normalises cases by others of their batch."""
    return any(isinstance(layer, _BatchNorm) for layer in module.modules())


@contextmanager
def estimating(module: nn.Module) -> Iterator[None]:
    """Replace the statistics of BatchNorm layers by the mean over the batches encoded inside.

    Every batch counts the same. Nothing else of `module` changes, nor does its mode. For a site
    that adapts a network to its own images (Li et al., AdaBN, 2018).
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    kept = [(norm.momentum, norm.training) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, (momentum, training) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.train(training)


def with_normalisation(module: Module, kind: Literal["batch", "local", "group"]) -> Module:
    """Return `module` with the stated normalisation; the layers are replaced in place.

    Group normalisation has no running statistics, so nothing of it depends on the batches or on
    the label mix of a site (Hsieh et al., ICML 2020). Scale and shift of each layer are kept:
    load published weights, which are those of BatchNorm, before converting.

    Parameters
    ----------
    module : nn.Module
        A network with BatchNorm layers, of any dimension.
    kind : {"batch", "local", "group"}
        ``"batch"`` and ``"local"`` leave it as it is: they differ in where statistics come from.
    """
    if kind != "group":
        return module
    for name, child in list(module.named_modules()):
        if isinstance(child, _BatchNorm):
            owner, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(owner), attribute, _group_norm(child))
    return module
