"""The command line: `fedrima run`, `fedrima parts`. What it takes is imported when it is needed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

CONFIG_WRONG = 2

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
    engine: Annotated[str | None, typer.Option(help="inline or ray.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of an interrupted run.")] = None,
    from_round: Annotated[
        int | None, typer.Option("--from-round", help="With --resume: go back to this round.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the federation only.")] = False,
    coarse: Annotated[
        bool, typer.Option("--quick", help="Coarse version of a study, in about 3 minutes.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Fill the folder data.prepared, and stop.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the result only.")] = False,
) -> None:
    """Simulate a federation of eye clinics: train, judge on unseen sites, write a report."""
    from fed.errors import UserError
    from fedrima.session import Asked, StoppedError, execute

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
    try:
        execute(asked)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    except StoppedError as stopped:
        _stop(str(stopped), stopped.code)


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


def _stop(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(code)
