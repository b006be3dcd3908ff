"""Steps in the opposite direction (Li et al., AAAI 2019)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from clients.attacks.scaled import Scaled


@dataclass(frozen=True)
class SignFlipped(Scaled):
    """Sends weights that go the opposite way of where training took them.

    Attributes
    ----------
    factor : float
        How many times as far.
    """

    factor: Annotated[float, Field(gt=0)] = 1.0
    way: ClassVar[int] = -1
