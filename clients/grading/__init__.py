"""A finished model at work: it grades eyes that nobody has graded yet."""

from clients.grading.model import Graded, TrainedModel

__all__ = ["Graded", "TrainedModel"]
