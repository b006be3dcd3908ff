"""The schema of onboarding: what a held-out site brings to adapt the global model with."""

from typing import Literal

from fed.config.section import Count, NotNegative, Section


class Onboarding(Section):
    """Adaptation of the global model at a held-out site: no training, nothing but scores sent."""

    archive: Count = 160
    """Unlabelled cases the site adapts with, whole patients; it is judged on all its others."""
    counts: Literal["none", "estimated", "known", "noisy"] = "known"
    """What the site knows of the grades in its archive: nothing; shares `estimated` from the
    model's own answers; the `known` number of cases of each grade; the same made `noisy`."""
    noise: NotNegative = 0.3
    """With `noisy`, the standard deviation of the logarithm of each number."""
