"""What a metric is: a value of a weighted sample, and the words a reader meets it with."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from fed.metrics._sample import Vector, WeightedSample

Aspect = Literal["order", "grades", "probabilities", "referral", "other"]
"""What of a prediction is judged: the order of eyes by probability, the grades given, the
probabilities themselves, or which eyes are best referred."""


@dataclass(frozen=True)
class Metric:
    """A metric; the fields of a subclass are its options.

    Adding one takes a file in this package, named after the metric (``my_metric.py`` with the class
    ``MyMetric``), or a class anywhere that is named as ``package.module:Class``.

    >>> import numpy as np
    >>> from fed.metrics import evaluate
    >>> evaluate(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), ["accuracy"])
    {'accuracy': 0.5}
    """

    title: ClassVar[str] = ""
    """What tables call it."""
    meaning: ClassVar[str] = ""
    """What it says, for a reader who does not know it."""
    higher_is_better: ClassVar[bool] = True
    aspect: ClassVar[Aspect] = "other"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return a value for each set of weights (replicates,); NaN where it is undefined."""
        raise NotImplementedError

    def titled(self, classes: int) -> str:
        """Return what tables call it where there are so many classes."""
        return self.title or type(self).__name__

    def explained(self, classes: int) -> str:
        """Return what it says where there are so many classes."""
        return self.meaning
