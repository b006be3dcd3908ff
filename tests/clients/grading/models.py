"""Models that nobody has trained, as a finished run would give them."""

import numpy as np
import torch

from clients.grading import TrainedModel
from clients.site import equipped_network
from fed.config import load
from tests.fed.config.test_loading import DEMO


def model(*settings):
    config = load([DEMO], settings)
    network = equipped_network(config).eval().requires_grad_(False)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network.transport.plan.uniform_()
        for norm in network.modules():  # statistics as training leaves them, not 0 and 1
            if getattr(norm, "running_mean", None) is not None:
                norm.running_mean.uniform_(-0.1, 0.1)
                norm.running_var.uniform_(0.5, 1.5)
    classes = len(config.task.classes)
    return TrainedModel(config, network, ("fundus", "oct"), {}, np.ones(classes) / classes, "0")
