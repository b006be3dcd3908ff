"""The outcome of a run, typed: what the recorder writes, and everybody else reads.

``results.json`` is a `Results`, each line of ``rounds.jsonl`` a `RoundRecord`, ``model.json`` a
`ModelFile`; `Run.load` reads a folder. Keys of later versions are kept as they are.
"""

from fed.results.model import BANK, WEIGHTS, ModelFile, write_model_file
from fed.results.outcome import (
    Communication,
    Cost,
    Failure,
    GroupCost,
    JudgedRun,
    Kept,
    Participation,
    Results,
    SiteTraffic,
    Task,
    Time,
    ToAccuracy,
    Transport,
    is_finished,
    read_results,
    write_results,
)
from fed.results.rounds import (
    RoundFailure,
    RoundRecord,
    SiteRound,
    add_round,
    read_rounds,
    write_rounds,
)
from fed.results.run import (
    CONFIGURATION,
    ONBOARDING,
    PREDICTIONS,
    Run,
    read_predictions,
    write_predictions,
)
from fed.results.scores import (
    Adapted,
    Count,
    Counts,
    Estimate,
    HeldOut,
    OperatingPoint,
    Table,
    Validation,
)

__all__ = [
    "BANK",
    "CONFIGURATION",
    "ONBOARDING",
    "PREDICTIONS",
    "WEIGHTS",
    "Adapted",
    "Communication",
    "Cost",
    "Count",
    "Counts",
    "Estimate",
    "Failure",
    "GroupCost",
    "HeldOut",
    "JudgedRun",
    "Kept",
    "ModelFile",
    "OperatingPoint",
    "Participation",
    "Results",
    "RoundFailure",
    "RoundRecord",
    "Run",
    "SiteRound",
    "SiteTraffic",
    "Table",
    "Task",
    "Time",
    "ToAccuracy",
    "Transport",
    "Validation",
    "add_round",
    "is_finished",
    "read_predictions",
    "read_results",
    "read_rounds",
    "write_model_file",
    "write_predictions",
    "write_results",
    "write_rounds",
]
