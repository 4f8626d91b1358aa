"""The command that opens the studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit


def studio(
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of the history and its files; default: ~/.partimento/studio."),
    ] = None,
    runs: Annotated[
        Path, typer.Option(help="Folder of the training runs that the doctor's page shows.")
    ] = Path("runs"),
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.")] = 8765,
    workers: Annotated[int, typer.Option(help="Processes that work, one job at a time each.")] = 1,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Open the studio: all of it in the browser, on this machine alone.

    Compose, harmonise, continue, critique, picture, and the doctor's pages. Jobs run in processes
    of their own; the history survives a restart. Stop it with Ctrl-C.
    """

    def tell(address: str) -> None:
        emit({"address": address}, True)

    partimento.serve_studio(
        home,
        runs=runs,
        port=port,
        workers=workers,
        browser=browser,
        listener=tell if json else None,
    )
