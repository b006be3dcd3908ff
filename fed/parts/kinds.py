"""The kinds of parts, and what a part can declare that it needs."""

from dataclasses import dataclass
from enum import StrEnum


class Need(StrEnum):
    """What a part needs of the federation; the configuration checks that it is there."""

    PROTOTYPES = "prototypes"
    """The bank's prototypes, so class statistics of the sites."""
    PREDICTORS = "predictors"
    """Trained predictors between the modalities."""
    PREDICTORS_IF_ANY = "predictors, if the network has them"
    """That predictors, where the network has them, are trained."""
    CONTROL_VARIATES = "control variates"
    """The mean gradient of each site, kept between rounds."""
    ANCHORS = "anchors"
    """Cross-covariances of linked pairs, which sites that own both send with class statistics."""
    PAIRS = "linked pairs"
    """Cases whose fundus photograph and OCT are known to be of one eye."""


@dataclass(frozen=True)
class Kind:
    """A kind of exchangeable part.

    Attributes
    ----------
    key : str
        Where a configuration names it.
    package : str
        Whose modules are the parts that come with the program, a file each.
    summary : str
    """

    key: str
    package: str
    summary: str


KINDS = {
    "fill": Kind("method.fill", "clients.fills", "imputation: what stands for a missing modality"),
    "partners": Kind("method.align", "clients.partners", "what predictors learn to land on"),
    "fusion": Kind("method.fusion", "model.fusions", "how both modalities become one answer"),
    "fundus_encoder": Kind(
        "model.encoders.fundus", "model.encoders.fundus", "photographs to features"
    ),
    "oct_encoder": Kind("model.encoders.oct", "model.encoders.oct", "OCT volumes to features"),
    "loss": Kind("method.loss", "clients.losses", "classification loss of heads and fusion"),
    "term": Kind("method.terms", "clients.terms", "further terms of the local objective"),
    "weight": Kind("method.weight", "server.weights", "what a site's update weighs in a module"),
    "reduce": Kind("method.reduce", "server.reductions", "how updates become one module"),
    "server_optimizer": Kind(
        "method.server_optimizer", "server.optimizers", "how the reduced update moves the model"
    ),
    "attack": Kind("attack.how", "clients.attacks", "what sites do that attack a simulation"),
    "metric": Kind("evaluation.metrics", "fed.metrics", "what held-out scores are judged by"),
    "source": Kind("data.source", "fed.data.collections", "where the eyes come from"),
    "tracker": Kind("trackers", "server.trackers", "who is told of the course of a run"),
}
