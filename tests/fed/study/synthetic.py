"""A small finished study, written without running anything."""

from pathlib import Path

from fed.config import Config, dump, load
from fed.storage import write_text
from fed.study.plan import plan
from fed.study.results import write_study
from tests.fed.report.synthetic import write_run

DEMO = Path(__file__).parents[3] / "configs/demo.yaml"
STUDY = "study={title: 'Which method?', methods: [fedavg, experts, fedrima], seeds: [100, 101]}"
WARNED = (
    "training: having it predicts the label (p = 0.001): a model can cheat",
    "held out: having it predicts the label (p = 0.002): a model can cheat",
)


def write_small_study(folder: Path, *changes: str) -> Path:
    """Write the runs of a study, alike for all methods, and its page; return that."""
    config: Config = load([DEMO], [STUDY, *changes])
    runs = plan(config)
    for run in runs:
        write_run(folder / run.folder, method=run.method, seed=run.seed, confounds=list(WARNED))
    write_text(folder / "config.yaml", dump(config))
    return write_study(config, runs, folder, {"lost-run": "RunError: <no> site answered"})
