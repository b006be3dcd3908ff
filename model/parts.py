"""The network as parts that can be trained, sent and averaged on their own."""

from collections.abc import Collection, Iterable

ENCODER = {"fundus": "fundus_encoder", "oct": "oct_encoder"}
HEAD = {"fundus": "fundus_head", "oct": "oct_head"}
PREDICTORS = ("fundus2oct", "oct2fundus")
BRANCHES = ("fundus_fusion", "oct_fusion", "joint_fusion")
"""Places for what a fusion trains (`model.fusions`); one that it leaves empty has no weights."""
FUSION = (*BRANCHES, "classifier")
STATISTICS = ("transport",)
_STEPS = "num_batches_tracked"
_COUNTED = ("running_mean", "running_var", _STEPS)


def learned(name: str) -> bool:
    """Return whether a name of the network's state is of a weight, not of a running statistic."""
    return not name.endswith(_COUNTED) and name.split(".", 1)[0] not in STATISTICS


def batch_normalisation(names: Collection[str]) -> list[str]:
    """Return the names that are of batch normalisation: scale, shift and running statistics."""
    mean = ".running_mean"
    layers = {name.removesuffix(mean) for name in names if name.endswith(mean)}
    return [name for name in names if name.rpartition(".")[0] in layers]


def counts_steps(name: str) -> bool:
    """Return whether a name is of a counter of batches, from which nothing is computed."""
    return name.endswith(_STEPS)


def trained_modules(parts: Iterable[str], modalities: Iterable[str]) -> tuple[str, ...]:
    """Return the submodules of `RIMA` that training `parts` changes where `modalities` are.

    Parameters
    ----------
    parts : iterable of {"encoders", "heads", "predictors", "fusion"}
    modalities : iterable of {"fundus", "oct"}
        Encoders and heads of other modalities are left out.
    """
    wanted, owned = set(parts), list(modalities)
    modules: list[str] = []
    if "encoders" in wanted:
        modules += [ENCODER[m] for m in owned]
    if "heads" in wanted:
        modules += [HEAD[m] for m in owned]
    if "predictors" in wanted:
        modules += PREDICTORS
    if "fusion" in wanted:
        modules += FUSION
    return tuple(modules)


def used_modules(parts: Iterable[str], modalities: Iterable[str]) -> tuple[str, ...]:
    """Return the submodules that computing with `parts` needs: those, encoders and moments.

    Training the fusion needs frozen encoders and the predictors, so these come along.
    """
    wanted, owned = set(parts) | {"encoders"}, list(modalities)
    if wanted & {"predictors", "fusion"}:
        return trained_modules(wanted | {"predictors"}, owned) + STATISTICS
    return trained_modules(wanted, owned)


def joins_modalities(module: str) -> bool:
    """Return whether a submodule needs features of both modalities: a predictor, or of the fusion."""
    return module in PREDICTORS + FUSION
