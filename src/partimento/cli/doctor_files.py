"""The commands that examine files somebody wrote: doctor report, doctor config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, table
from partimento.core.plain import plain

MARKS = {"same": "same", "differs": "DIFFERS", "missing": "not set"}
COLOURS = {"same": typer.colors.GREEN, "differs": typer.colors.RED, "missing": typer.colors.YELLOW}


def doctor_report(
    file: Annotated[
        Path, typer.Argument(help="Report: JSON, YAML, or text with `name: value` and tables.")
    ],
    json: options.Json = False,
) -> None:
    """Cross-check the figures of a report: units, floors, perplexity, accuracy, steps, sizes.

    The exit code is 1 when a finding is severe.
    """
    _show(partimento.examine_report(file), json)


def doctor_config(
    file: Annotated[
        str,
        typer.Argument(help="Recipe (YAML, JSON), run folder, checkpoint or shipped weights."),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            help="whitepaper, diary, original, enhanced, percepiano, percepiano-bilstm, seed,"
            " audio2visual-bs1, audio2visual-bs16, shipped weights, or a file of the same kinds."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Examine a configuration: rates, curriculum, options without effect, checkpoint, reference.

    The exit code is 1 when a finding is severe.
    """
    rows = partimento.config_rows(file, against) if against is not None else None
    if rows is not None and not json:
        # Not print: colours are left out where no terminal is.
        typer.echo(rows_text(rows) + "\n")
    _show(partimento.examine_config(file, against), json, rows)


def rows_text(rows: list[dict[str, Any]]) -> str:
    """Rows of a comparison as aligned lines, green where the same and red where not."""
    shown = [{**row, "state": MARKS[row["state"]]} for row in plain(rows)]
    head, *lines = table(shown, ["setting", "value", "reference", "state"]).splitlines()
    coloured = [
        typer.style(line, fg=COLOURS[row["state"]]) for row, line in zip(rows, lines, strict=True)
    ]
    return "\n".join([head, *coloured])


def _show(found: Any, json: bool, rows: list[dict[str, Any]] | None = None) -> None:
    """Print an examination; ends the command with its exit code."""
    from partimento.doctor.files import CONFIG_CHECKS, REPORT_CHECKS
    from partimento.doctor.report import known_findings, report_dict, report_text

    value = report_dict(found) | ({"rows": rows} if rows is not None else {})
    known = known_findings((*REPORT_CHECKS, *CONFIG_CHECKS))
    emit(value, json, None if json else report_text(found, known))
    if found.exit_code:
        raise typer.Exit(found.exit_code)
