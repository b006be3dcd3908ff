"""What a deployed site remembers of the privacy that it has spent.

A coordinator that asks twice, or goes on with a run from an earlier round, gets other noise each
time; its own count would not see it. So the site counts every answer, before it gives it.
"""

import hashlib
import json
import os
from pathlib import Path

from clients.site import LocalSite
from fed.config import Config
from fed.errors import DataError

FILE = "privacy-spent.json"


class BudgetSpentError(Exception):
    """Another answer would take the site's patients past the budget; its words may leave."""


def spend(site: LocalSite, folder: Path, work: str) -> None:
    """Count one answer of a run for good; without a budget there is nothing to count.

    Parameters
    ----------
    folder : Path
        The site's own.
    work : str
        The name of a phase, or ``statistics``.

    Raises
    ------
    BudgetSpentError
        If the budget does not allow it.
    DataError
        If the file of the site cannot be read or written.
    """
    account = site.account
    if account is None:
        return
    path, run = folder / FILE, run_of(site.config)
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        times = dict(kept.get(run, {}))
        times[work] = times.get(work, 0) + 1
        if not account.allows(times):
            raise BudgetSpentError(
                f"privacy.epsilon: {account.epsilon:g} is all that this run may spend, and another "
                f"answer to {work} would pass it"
            )
        _write(path, json.dumps(kept | {run: times}, indent=1))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: no account of privacy ({error})") from None


def run_of(config: Config) -> str:
    """Return what a run is counted under: the same configuration has one budget, run again or not."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:32]


def _write(path: Path, text: str) -> None:
    """Write before the answer leaves: it lies on the disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(unfinished, path)
