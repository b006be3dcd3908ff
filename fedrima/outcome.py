"""A finished run as people import it."""

from functools import cached_property

from clients.grading import TrainedModel
from fed import results


class Run(results.Run):
    """A finished run, and its model.

    >>> run = fedrima.load("runs/demo-fedrima-s0")  # doctest: +SKIP
    >>> run.model.predict(fundus=photographs, oct=scans).probabilities  # doctest: +SKIP
    """

    @cached_property
    def model(self) -> TrainedModel:
        """The model, ready to grade.

        Raises
        ------
        fed.errors.ConfigError
            If the sites of the run keep models of their own; see `model_of`.
        fed.errors.DataError
            If it cannot be read.
        """
        return TrainedModel.of(self)

    def model_of(self, site: str) -> TrainedModel:
        """Return the model of one site, where the sites of the run keep models of their own.

        Raises
        ------
        fed.errors.ConfigError
            If the site has none.
        """
        return TrainedModel.of(self, site)
