"""The command line, `fedrima run` and the others. What it takes is imported when it is needed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from fedrima.session import Asked

CONFIG_WRONG, RUN_FAILED, INTERRUPTED = 2, 3, 130

app = typer.Typer(
    name="fedrima",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Federated grading of eye disease where hospitals do not own the same machines.",
)


@app.command()
def run(
    configs: Annotated[
        list[Path] | None, typer.Argument(metavar="[CONFIG ...]", help="Merged left to right.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set seed=N.")] = None,
    engine: Annotated[str | None, typer.Option(help="auto, inline or ray.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of an interrupted run.")] = None,
    from_round: Annotated[
        int | None, typer.Option("--from-round", help="With --resume: go back to this round.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the federation only.")] = False,
    coarse: Annotated[
        bool, typer.Option("--quick", help="Coarse version of a study, in about a minute.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Fill the folder data.prepared, and stop.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the result only.")] = False,
) -> None:
    """Simulate a federation of eye clinics: train, judge on unseen sites, write a report."""
    from fedrima.session import Asked

    settings = list(overrides or [])
    settings += [f"seed={seed}"] if seed is not None else []
    settings += [f"engine.name={engine}"] if engine is not None else []
    asked = Asked(
        tuple(configs or ()),
        tuple(settings),
        out,
        resume,
        seed,
        dry_run,
        coarse,
        prepare,
        quiet,
        from_round,
    )
    _execute(asked)


@app.command()
def audit(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    site: Annotated[
        str | None, typer.Option(help="Training site whose update is attacked.")
    ] = None,
    replicates: Annotated[int, typer.Option(min=2, help="Draws behind an interval.")] = 1000,
) -> None:
    """Attack a finished run: membership of its patients, and its prototypes; writes audit.json."""
    from fed.errors import UserError
    from fedrima.audit import FILE, audit_run, audit_table

    try:
        found = audit_run(folder, site, replicates)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    _print(audit_table(found))
    typer.echo(f"audit: {folder / FILE}")


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN [RUN ...]", help="Folders of finished runs.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the page and the table.")] = Path(
        "runs/compare"
    ),
) -> None:
    """Compare finished runs with the first: paired differences on what they have in common."""
    from fed.errors import UserError
    from fedrima.comparing import compare_runs

    try:
        compare_runs(runs, out)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)


@app.command()
def parts(
    kind: Annotated[str | None, typer.Argument(help="One kind only, such as fill.")] = None,
) -> None:
    """List every exchangeable part with its options, by kind."""
    from fed.errors import UserError
    from fedrima.catalogue import catalogue

    try:
        typer.echo(catalogue(kind))
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)


def _print(table: "Table") -> None:
    """Print a table; one that is no terminal has no width, and tables need some."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 120).print(table)


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="Table of the eyes, or a collection.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The table to write, by default MANIFEST-graded.csv.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="manifest, or the collection that MANIFEST is the folder of.")
    ] = "manifest",
    label: Annotated[
        str, typer.Option(help="Of a collection that grades several things: which.")
    ] = "grade",
    site: Annotated[
        str | None, typer.Option(help="Whose model, where sites keep models of their own.")
    ] = None,
    adapt: Annotated[
        Path | None, typer.Option(help="Unlabelled eyes of the hospital, to adapt to.")
    ] = None,
    counts: Annotated[
        Path | None, typer.Option(help="Table grade,count: how many of these are of each grade.")
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Manifest of graded eyes of the hospital, for prediction sets."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="A page of the worst eyes, and where the model looked.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read and encode.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Grade new eyes with a finished model; the same command goes on with what was interrupted."""
    from fed.errors import UserError
    from fedrima.prediction import Grading, grade
    from fedrima.session import console_for

    asked = Grading(
        run, manifest, out, source, label, site, adapt, counts, calibrate, workers, page
    )
    try:
        grade(asked, console_for(quiet))
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    except KeyboardInterrupt:
        _stop("interrupted. The same command goes on from there", INTERRUPTED)


@app.command()
def judge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG ...", help="Merged left to right.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the outputs.")] = None,
    engine: Annotated[str | None, typer.Option(help="inline or ray.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the sites only.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the result only.")] = False,
) -> None:
    """Score a finished model at the held-out sites of another configuration; trains nothing."""
    from fedrima.session import Asked

    settings = list(overrides or [])
    settings += [f"engine.name={engine}"] if engine is not None else []
    _execute(Asked(tuple(configs), tuple(settings), out, dry_run=dry_run, quiet=quiet, judged=run))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    to: Annotated[str, typer.Option("--to", help="onnx or torchscript.")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write, by default in the folder of the run.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Whose model, where sites keep models of their own.")
    ] = None,
) -> None:
    """Write the network of a run as one file for other software, and a model card beside it."""
    from fed.errors import RunError, UserError
    from fedrima.exporting import export_run

    try:
        for words in export_run(run, to, out, site):
            typer.echo(words)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    except RunError as error:
        _stop(f"the export failed: {error}", RUN_FAILED)


@app.command()
def remove(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    sites: Annotated[list[str], typer.Argument(metavar="SITE ...", help="Training sites.")],
    out: Annotated[Path, typer.Option(help="Folder of the model without them.")],
) -> None:
    """Take sites out of heads in closed form: the model of the other sites' sums; trains nothing."""
    from fed.errors import UserError
    from fedrima.removing import remove_sites

    try:
        remove_sites(run, sites, out)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    typer.echo(
        f"{out}: the model without {', '.join(sites)}; to score it: fedrima judge {out} CONFIG"
    )
    typer.echo(f"{run}: still holds the model and the sums with {', '.join(sites)}")


@app.command()
def add(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    sites: Annotated[list[str], typer.Argument(metavar="SITE ...", help="Further training sites.")],
    out: Annotated[Path, typer.Option(help="Folder of the model with them.")],
    configs: Annotated[
        list[Path] | None,
        typer.Option("--config", metavar="CONFIG", help="Describes sites that the run's does not."),
    ] = None,
) -> None:
    """Add sites to heads in closed form: only they compute, once; the model of all their sums."""
    from fed.errors import RunError, UserError
    from fedrima.adding import add_sites

    try:
        add_sites(run, sites, out, configs or [])
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    except RunError as error:
        _stop(str(error), RUN_FAILED)
    typer.echo(f"{out}: the model with {', '.join(sites)}; to score it: fedrima judge {out} CONFIG")


def _execute(asked: "Asked") -> None:
    from fed.errors import UserError
    from fedrima.session import StoppedError, execute

    try:
        execute(asked)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    except StoppedError as stopped:
        _stop(str(stopped), stopped.code)


def _stop(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(code)
