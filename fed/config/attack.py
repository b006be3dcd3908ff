"""The schema of an attack: simulated sites that do harm, to see what a federation stands."""

from typing import Annotated, Any

from pydantic import Field

from fed.config.section import Section
from fed.parts import PartKey, written


class Attack(Section):
    """Sites that attack in a simulation, to measure what harm they do; a deployment refuses it."""

    sites: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of training sites, such as `clinic-1`."""
    how: Annotated[Any, PartKey("attack")]
    """What they do."""

    @property
    def words(self) -> str:
        """Who attacks and how, for log and report."""
        given = written("attack", self.how)
        options = dict(given) if isinstance(given, dict) else {"use": given}
        how = [str(options.pop("use")), *(f"{name} {value}" for name, value in options.items())]
        return f"a simulated attack by {', '.join(self.sites)}: {', '.join(how)}"
