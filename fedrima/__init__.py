"""FedRIMA from Python: run a federation, load a finished run.

>>> import fedrima
>>> run = fedrima.run("configs/demo.yaml", {"training.rounds": 2})  # doctest: +SKIP
>>> run.results.held_out.pooled["both"]["auc"].value  # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fed import __version__

if TYPE_CHECKING:
    from fed.study.compare import RunComparison
    from fedrima.outcome import Run

__all__ = ["__version__", "compare", "load", "run"]


def run(
    config: str | Path | Mapping[str, Any] | Sequence[str | Path] = "configs/demo.yaml",
    overrides: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    quiet: bool = True,
) -> "Run":
    """Run a federation and return its outcome.

    Parameters
    ----------
    config : str, Path, mapping, or sequence of files
        A YAML file, several that are merged left to right, or the mapping itself. A file that is
        not there is looked for among those that come with the program.
    overrides : mapping, optional
        Dotted keys and their values, as ``--set`` takes them: ``{"training.rounds": 2}``.
    out : str or Path, optional
        Folder of the run, by default ``runs/<name>-<method>-s<seed>``. An earlier run in it is
        moved aside.
    quiet : bool
        Show no progress.

    Raises
    ------
    fed.errors.UserError
        If the configuration or the data is wrong.
    fed.errors.RunError
        If the run could not be finished.
    """
    from fedrima.session import run_once

    return run_once(config, overrides or {}, None if out is None else Path(out), quiet)


def load(folder: str | Path) -> "Run":
    """Return a finished run: its ``results``, ``rounds``, ``predictions``, ``config`` and ``model``.

    Raises
    ------
    fed.errors.DataError
        If the folder holds no finished run.
    """
    from fedrima.outcome import Run

    return Run.load(Path(folder))


def compare(*runs: "str | Path | Run", out: str | Path | None = None) -> "RunComparison":
    """Compare finished runs with the first of them, on what they have in common.

    Parameters
    ----------
    *runs : str, Path or Run
        Two or more: folders, or what `run` and `load` return.
    out : str or Path, optional
        Folder for ``compare.html`` and ``compare.csv``; nothing is written where not given.

    Returns
    -------
    RunComparison
        With ``lines``, the same as a DataFrame (``table``), ``configurations`` and ``cautions``.

    Raises
    ------
    fed.errors.UserError
        If there are fewer than two runs, a folder holds none, or they grade different classes.
    """
    from fed.results import Run
    from fed.study.compare import compare
    from fed.study.compare_page import write_comparison

    found = compare([each if isinstance(each, Run) else Run.load(each) for each in runs])
    if out is not None:
        write_comparison(found, Path(out))
    return found
