"""The outcome of a run, typed: what the recorder writes, and everybody else reads.

``results.json`` is a `Results`, each line of ``rounds.jsonl`` a `RoundRecord`, ``model.json`` a
`ModelFile`; `Run.load` reads a folder. Keys of later versions are kept as they are.
"""

from fed.results.outcome import FILE as RESULTS
from fed.results.outcome import (
    Communication,
    Cost,
    Failure,
    GroupCost,
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
    BoundedUpdate,
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
    ModelFile,
    Run,
    read_predictions,
    write_model_file,
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
    "CONFIGURATION",
    "ONBOARDING",
    "PREDICTIONS",
    "RESULTS",
    "Adapted",
    "BoundedUpdate",
    "Communication",
    "Cost",
    "Count",
    "Counts",
    "Estimate",
    "Failure",
    "GroupCost",
    "HeldOut",
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
