"""The schema of judging: a finished model that a run scores instead of training one."""

from typing import Annotated

from pydantic import Field

from fed.config.section import Section
from fed.sites import Modality


class Judged(Section):
    """The finished model that held-out sites judge; `fedrima judge` fills this in."""

    run: str
    """Folder of the run it is from."""
    sha256: str
    """Of its `model.safetensors`: another one there is refused."""
    modalities: Annotated[tuple[Modality, ...], Field(min_length=1)]
    """What it has learned to look at."""
