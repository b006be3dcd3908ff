"""What `fedrima export` does, once it is known what is asked for."""

from collections.abc import Iterator
from pathlib import Path

from clients.grading import TrainedModel
from clients.grading.export import SUFFIX, TRIED, export
from fed.errors import ConfigError, nearest
from fed.report.card import NAME, write_card
from fedrima.outcome import Run


def export_run(folder: Path, to: str, out: Path | None, site: str | None) -> Iterator[str]:
    """Export the model of a run, with its card beside it; yield what was written, in words.

    Raises
    ------
    UserError
        If there is no such form or no such run, or the model cannot be one file.
    RunError
        If the file gives other numbers than the model.
    """
    if to not in SUFFIX:
        raise ConfigError(f"--to: unknown form {to!r}{nearest(to, tuple(SUFFIX))}")
    run = Run.load(folder)
    path = out or folder / f"model{SUFFIX[to]}"
    if not path.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {path.parent}")
    exported = export(TrainedModel.of(run, site), to, path)
    tried = f"{', '.join(map(str, TRIED[:-1]))} and {TRIED[-1]}"
    told = (
        f"`{path.name}` ({to}) gave the model's probabilities to "
        f"{exported.largest_difference:.1g}, tried with {tried} eyes that had both images or either."
    )
    card = path.with_name(NAME)
    write_card(run, card, [told])
    yield f"{path}: {told}"
    yield f"{card}: the model card"
