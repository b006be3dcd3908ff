"""What `fedrima remove` does, once it is known what is asked for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fedrima.finished import Finished
from server.heads import without_sites


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
    finished = Finished.load(folder, out)
    state = without_sites(finished.config, finished.state, sites)
    told = f"taken out after training: {', '.join(sites)}; config.yaml still names what was there"
    left = tuple(card for card in finished.results.sites if card.name not in sites)
    replace(finished, state=state).write(out, told, {"sites": left})
