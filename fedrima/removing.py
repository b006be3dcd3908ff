"""What `fedrima remove` does, once it is known what is asked for."""

from collections.abc import Sequence
from pathlib import Path

from fed.config import dump
from fed.errors import ConfigError, DataError
from fed.prototypes import bank_tensors
from fed.results import (
    BANK,
    CONFIGURATION,
    WEIGHTS,
    HeldOut,
    Results,
    write_model_file,
    write_results,
)
from fed.storage import locked, write_tensors, write_text
from fedrima.outcome import Run
from server.checkpoint import load_checkpoint, save_checkpoint
from server.heads import without_sites
from server.recorder import CHECKPOINTS


def remove_sites(folder: Path, sites: Sequence[str], out: Path) -> None:
    """Write the model that a finished run would have ended with without some of its sites.

    The folder is one that `fedrima predict`, `judge` and `export` take. It has no scores: nobody has
    judged that model yet.

    Raises
    ------
    UserError
        If there is no such run or site, the method does not let a site be taken out, or `out` is
        there already.
    """
    run = Run.load(folder)
    if out.exists():
        raise ConfigError(f"--out: {out} is there already; name another folder, or move it")
    found = load_checkpoint(folder / CHECKPOINTS, run.config)
    if found is None:
        raise DataError(f"{folder / CHECKPOINTS}: there is no checkpoint, so no sums are kept")
    state, ledger = without_sites(run.config, found[0], sites), found[1]
    told = f"taken out after training: {', '.join(sites)}; config.yaml still names what was there"
    ledger.warn([told])
    with locked(out):
        write_text(out / CONFIGURATION, dump(run.config))
        write_tensors(out / WEIGHTS, dict(state.model) | bank_tensors(state.bank, BANK))
        write_model_file(out, run.model_file.model_copy(update={"distances": {}}))
        save_checkpoint(out / CHECKPOINTS, state, ledger, run.config)
        write_results(out, _unjudged(run.results, sites, told))


def _unjudged(results: Results, sites: Sequence[str], told: str) -> Results:
    """Return what a run says of itself, without those sites and without scores."""
    scores = ("operating_point", "onboarding", "validation", "triage", "sets", "equipment")
    return results.model_copy(
        update={
            **dict.fromkeys((*scores, "subgroups", "kept")),
            "held_out": HeldOut(pooled={}, sites={}),
            "sites": tuple(card for card in results.sites if card.name not in sites),
            "warnings": (*results.warnings, told),
        }
    )
