"""The schema of privacy, and what a budget does not allow elsewhere in a configuration."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from fed.config.section import Number, Positive, Section, Whole

if TYPE_CHECKING:
    from fed.config.schema import Config


class Privacy(Section):
    """What may be learnt of one patient of a training site; see docs/privacy.md."""

    epsilon: Positive | None = None
    """Differential privacy of each patient's eyes in weights, class statistics and sums for heads in
    closed form, over the whole run; null: none. The noise that it takes is solved for before the first round."""
    delta: Annotated[Number, Field(gt=0.0, lt=1.0)] = 1.0e-5
    """Probability that `epsilon` may fail with: well below 1 in the patients of a site."""
    clip: Positive = 1.0
    """Largest norm of one patient's gradient; heads in closed form have none, and a bound of their own."""
    min_patients: Annotated[Whole, Field(ge=2)] = 3
    """Clusters of class statistics are of so many patients at least. In a deployment a card tells
    a count of fewer as this one."""


def check_budget(config: "Config") -> None:
    """Refuse what lets one patient's gradient depend on other patients, or goes uncounted.

    Raises
    ------
    ValueError
        Naming the key to change.
    """
    trains = {part for phase in config.method.phases for part in phase.trains}
    encoded = [m for m in config.modalities if m not in config.model.frozen]
    if encoded and config.model.normalisation == "local":
        raise ValueError(
            "model.normalisation: local takes statistics of all patients of a site, which "
            "privacy.epsilon does not allow; allowed: group, or batch where no encoder trains"
        )
    if encoded and "encoders" in trains and config.model.normalisation != "group":
        raise ValueError(
            f"model.normalisation: {config.model.normalisation} normalises a patient's images by "
            "those of others, which privacy.epsilon does not allow; use group, or encoders "
            "that never train (model.frozen)"
        )
    standardised = [m for m, frozen in config.model.frozen.items() if frozen.standardise]
    if standardised:
        raise ValueError(
            f"model.frozen.{standardised[0]}.standardise: takes moments over patients, which "
            "privacy.epsilon does not allow; only false"
        )
    if config.method.solves_joint:
        raise ValueError(
            "method.phases: the sums across modalities, which solve for the head over both, carry no "
            "noise, which privacy.epsilon does not allow; allowed: trains: [heads], as in analytic"
        )
    if config.method.keeps_variates:
        raise ValueError(
            "method.terms: control_variates sends gradients without noise, which privacy.epsilon "
            "does not allow; leave it out"
        )
    if config.method.align.both is not None and config.method.align.single is None:
        raise ValueError(
            "method.align.single: needed with privacy.epsilon, since the partner of a patient "
            "must be of the bank, not of another patient"
        )
    if config.training.precision == "fp16":
        raise ValueError(
            "training.precision: fp16 loses the gradients of single patients; allowed with "
            "privacy.epsilon: fp32, bf16"
        )
    if config.start is not None:
        raise ValueError(
            "start: not with privacy.epsilon, since what the other run has spent on these "
            "patients would not be counted"
        )
