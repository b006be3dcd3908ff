"""Run a federation on this machine or a Ray cluster: `python simulate.py [CONFIG ...]`."""

import typer

from fedrima.command import run

command = typer.Typer(add_completion=False, rich_markup_mode=None)
command.command()(run)

if __name__ == "__main__":
    command()
