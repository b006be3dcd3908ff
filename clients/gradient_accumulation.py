"""Gradient steps whose batch may come in parts, and whose encoders may compute in 16 bits."""

import torch
from torch import Tensor

FIRST_SCALE = 2.0**8
"""Of losses in fp16. The state of a site ends with its round, so a scale that is found by
skipping steps, as from torch's own 2^16, would be found anew in every round."""


class GradientAccumulator:
    """Adds up the gradients of a batch, then lets the optimiser step.

    Parameters
    ----------
    optimizer : Optimizer
    scaled : bool
        Whether to scale losses, so that gradients in fp16 do not vanish; a step whose gradients
        overflow is left out and counted.
    device : torch.device

    Attributes
    ----------
    steps, skipped : int
        Steps taken or left out, and those left out.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, scaled: bool, device: torch.device
    ) -> None:
        self._optimizer = optimizer
        self._scaler = torch.amp.GradScaler(device.type, init_scale=FIRST_SCALE, enabled=scaled)
        self._pending = False
        self.steps = self.skipped = 0

    def add(self, loss: Tensor) -> None:
        """Add the gradients of a loss; one that depends on no weight has none."""
        if loss.requires_grad:
            self._scaler.scale(loss).backward()
            self._pending = True

    def step(self) -> None:
        """Step along what was added, and begin anew."""
        if not self._pending:
            return
        scale = self._scaler.get_scale()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self._pending = False
        self.steps += 1
        self.skipped += int(self._scaler.get_scale() < scale)
