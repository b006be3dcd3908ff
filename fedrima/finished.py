"""A finished run whose sites come and go without a new round: read, and written with another model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fed.config import Config, dump
from fed.errors import ConfigError, DataError
from fed.prototypes import bank_tensors
from fed.results import (
    BANK,
    CONFIGURATION,
    WEIGHTS,
    HeldOut,
    ModelFile,
    Results,
    write_model_file,
    write_results,
)
from fed.storage import locked, write_tensors, write_text
from fedrima.outcome import Run
from server.checkpoint import load_checkpoint, save_checkpoint
from server.ledger import Ledger
from server.recorder import CHECKPOINTS
from server.state import ServerState

SCORES = (
    "operating_point",
    "onboarding",
    "validation",
    "triage",
    "sets",
    "equipment",
    "subgroups",
    "kept",
)
"""What results say of a model beside its scores."""


@dataclass(frozen=True)
class Finished:
    """A finished run with all that another model of the same sums takes."""

    config: Config
    state: ServerState
    ledger: Ledger
    results: Results
    model_file: ModelFile

    @classmethod
    def load(cls, folder: Path, out: Path) -> Self:
        """Read a run, once it is known that there is room for what comes of it.

        Raises
        ------
        UserError
            If there is no such run, or `out` is there already.
        """
        run = Run.load(folder)
        if out.exists():
            raise ConfigError(f"--out: {out} is there already; name another folder, or move it")
        found = load_checkpoint(folder / CHECKPOINTS, run.config)
        if found is None:
            raise DataError(f"{folder / CHECKPOINTS}: there is no checkpoint, so no sums are kept")
        return cls(run.config, *found, run.results, run.model_file)

    def write(self, out: Path, told: str, update: Mapping[str, Any]) -> None:
        """Write a folder without scores.

        Parameters
        ----------
        told : str
            What became of the sites, for the ledger and the results.
        update : mapping
            Of the results, what is another thing than in the run.
        """
        self.ledger.warn([told])
        with locked(out):
            write_text(out / CONFIGURATION, dump(self.config))
            bank = bank_tensors(self.state.bank, BANK)
            write_tensors(out / WEIGHTS, dict(self.state.model) | bank)
            write_model_file(out, self.model_file.model_copy(update={"distances": {}}))
            save_checkpoint(out / CHECKPOINTS, self.state, self.ledger, self.config)
            warnings = (*self.results.warnings, told)
            unjudged = {"held_out": HeldOut(pooled={}, sites={}), "warnings": warnings}
            nothing = dict.fromkeys(SCORES)
            write_results(out, self.results.model_copy(update={**nothing, **unjudged, **update}))
