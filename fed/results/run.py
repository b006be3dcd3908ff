"""The folder of a finished run, read as typed values."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fed.config import Config, load
from fed.errors import DataError
from fed.results.model import ModelFile, read_model_file
from fed.results.outcome import Results, read_results
from fed.results.rounds import RoundRecord, read_rounds
from fed.sites import Condition
from fed.storage import write_text

if TYPE_CHECKING:
    import pandas as pd

    from fed.weights import Weights

PREDICTIONS, ONBOARDING = "predictions.csv", "onboarding.csv"
CONFIGURATION = "config.yaml"
SUBGROUPS = "subgroups.csv"


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder.

    >>> run = Run.load(Path("runs/demo-fedrima-s0"))  # doctest: +SKIP
    >>> run.results.pooled("both", run.results.headline).value  # doctest: +SKIP
    """

    folder: Path
    results: Results

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read the run in a folder.

        Raises
        ------
        DataError
            If it holds no results, or they cannot be read.
        """
        folder = Path(folder)
        return cls(folder, read_results(folder))

    @cached_property
    def rounds(self) -> tuple[RoundRecord, ...]:
        """The rounds, as they were recorded."""
        return read_rounds(self.folder)

    @cached_property
    def config(self) -> Config:
        """The configuration that the run resolved."""
        return load([self.folder / CONFIGURATION])

    @cached_property
    def model_file(self) -> ModelFile:
        """What is needed to load the model's weights."""
        return read_model_file(self.folder)

    @cached_property
    def weights(self) -> "Weights":
        """The model's weights and its bank."""
        from fed.weights import read_weights  # a second to import; only who loads a model pays it

        return read_weights(self.folder)

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """Held-out predictions: site, case_id, patient_id, condition, label, p_0, p_1, ...

        Where sites keep models of their own, ``model`` names the site whose model it is.
        """
        return read_predictions(self.folder / PREDICTIONS)

    def scored(
        self, condition: Condition, site: str | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return labels (n,) and probabilities (n, K) of one condition, at one site or at all."""
        rows = self.predictions[self.predictions["condition"] == condition]
        if site is not None:
            rows = rows[rows["site"] == site]
        columns = [f"p_{k}" for k in range(len(self.results.classes))]
        return rows["label"].to_numpy(np.int64), rows[columns].to_numpy(np.float64)


def write_predictions(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table of predictions, a row a case and condition; floats to the last digit."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    write_text(path, text.getvalue())


def read_predictions(path: Path) -> "pd.DataFrame":
    """Read a table of predictions; ids stay text, whatever they look like.

    Raises
    ------
    DataError
        If the file is absent or no table.
    """
    import pandas as pd  # half a second to import; only who looks at cases pays it

    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        numbers = {"label": int} | {c: float for c in frame.columns if c.startswith("p_")}
        return frame.astype(numbers)  # Python's own reading of a number: to the last digit
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no table of predictions: {error}") from None
