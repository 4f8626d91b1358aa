"""The group ``doctor``: examine a run; and how every doctor command prints and ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partimento.cli import options
from partimento.cli.output import emit, note

if TYPE_CHECKING:
    from partimento.doctor.examine import Examination

doctor = typer.Typer(
    help="Find out why a model does not learn what it should.", no_args_is_help=True
)


@doctor.callback()
def _group() -> None:
    """Find out why a model does not learn what it should."""


def show(found: Examination, as_json: bool) -> None:
    """Print an examination; ends the command with code 1 when a finding is severe."""
    from partimento.doctor.report import known_findings, report_dict, report_text

    emit(report_dict(found), as_json, None if as_json else report_text(found, known_findings()))
    if found.exit_code:
        raise typer.Exit(found.exit_code)


@doctor.command("run")
def doctor_run(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Run folder to compare with; may be repeated."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="HTML page; default: doctor.html in the run folder."),
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Examine a training run: curves, gradients by depth, updates, recipe, checkpoint.

    Findings also go to findings.jsonl in the run folder.  The exit code is 1 when one is severe.
    """
    from partimento.training.doctoring import PAGE, examine_run

    found = examine_run(run, others or (), page=page, seed=seed)
    note(f"page: {page or run / PAGE}")
    show(found, json)
