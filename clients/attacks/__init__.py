"""What sites do that attack a simulated federation, one file each (`attack.how`).

An attack passes the border: what it sends has the shape and the bounds of an honest reply.
"""

import numpy as np

from fed.protocol import Statistics
from fed.states import State


class Attack:
    """What a site does other than it should; by itself, what an honest one does."""

    def label(self, label: int, classes: int) -> int:
        """Return the label that a training case of the site is given."""
        return label

    def parameters(self, trained: State, received: State, random: np.random.Generator) -> State:
        """Return the modules that the site sends for those that it trained.

        Parameters
        ----------
        trained, received : State
            After and before the site's training; `received` has all of `trained`.
        random : numpy.random.Generator
            Of the site and the round.
        """
        return trained

    def statistics(self, statistics: Statistics) -> Statistics:
        """Return the class statistics that the site sends for its own."""
        return statistics
