"""Who answers at test: class probabilities of features, by the method's way of answering."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax

from fed.config import Method
from model.rima import RIMA, Features
from model.slots import in_slots

SLOT = 16
"""Cases that are scored at a time, whatever their number, so that a case gets the same score to the
last digit whoever it is scored with."""


def predict(network: RIMA, method: Method, features: Features) -> NDArray[np.float64]:
    """Return class probabilities ``(n, K)`` of features, each row by itself."""
    if not len(features):
        return np.zeros((0, network.classifier.out_features))

    def compute(fundus: Tensor, oct_: Tensor, has_fundus: Tensor, has_oct: Tensor) -> Tensor:
        given = Features(fundus, oct_, has_fundus, has_oct)
        return torch.softmax(log_probabilities(network, method, given), dim=1).cpu()

    rows = (features.fundus, features.oct, features.has_fundus, features.has_oct)
    return in_slots(compute, *rows, size=SLOT).numpy()


def log_probabilities(network: RIMA, method: Method, features: Features) -> Tensor:
    """Return log-probabilities ``(n, K)``, in 64 bits, by the method's way of answering.

    ``product`` is the geometric mean of the fusion's answer and the product of the experts whose
    modality is there: both have seen the same images, so a plain product would count them twice.
    """
    return _ANSWER[method.predict](network, method, features)


def _experts(network: RIMA, method: Method, features: Features) -> Tensor:
    """Return log-probabilities ``(n, K)``, as the other ways of answering do."""
    return network.experts(features).double()


def _fusion(network: RIMA, method: Method, features: Features) -> Tensor:
    given = method.fill.at_test(network, network.transport.standardise(features))
    logits = network.fuse(given.fundus, given.oct)
    if method.corrects_experts:
        logits = logits + network.experts(features)
    return log_softmax(logits.double(), dim=1)


def _product(network: RIMA, method: Method, features: Features) -> Tensor:
    answers = [_experts(network, method, features), _fusion(network, method, features)]
    return torch.stack(answers).mean(dim=0)


def _fusion_if_both(network: RIMA, method: Method, features: Features) -> Tensor:
    both = (features.has_fundus & features.has_oct)[:, None]
    return torch.where(
        both, _fusion(network, method, features), _experts(network, method, features)
    )


_ANSWER = {
    "experts": _experts,
    "fusion": _fusion,
    "product": _product,
    "fusion_if_both": _fusion_if_both,
}
