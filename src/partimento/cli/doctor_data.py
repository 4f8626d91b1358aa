"""The command that examines a data set: doctor data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit


def doctor_data(
    task: Annotated[
        str, typer.Argument(help="chorale, piano, critique, text2midi or audio2visual.")
    ],
    folder: Annotated[
        Path, typer.Argument(help="File or folder of the data, or an installed corpus' name.")
    ],
    features: Annotated[
        str | None,
        typer.Option(help="critique: score-only, score79, full101, performance or midi."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="critique: JSON file of mean labels, if not in the folder.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="critique: passage, performer, groups or work.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="audio2visual: folder of the clips, if not beside.")
    ] = None,
    bank: Annotated[
        str | None, typer.Option(help="audio2visual: prompt bank, a file or builtin.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="piano: where the files of a CSV table lie.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Examples to look at; more are drawn by the seed.")
    ] = None,
    seed: options.Seed = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for doctor.html and doctor.json.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Examine data: duplicates, leaks between the parts, balance, dead tokens, label noise, scale.

    The exit code is 1 when a finding is severe.
    """
    found = partimento.examine_data(
        task,
        folder,
        features=features,
        labels=labels,
        protocol=protocol,
        audio=audio,
        bank=bank,
        root=root,
        limit=limit,
        seed=seed,
        out=out,
    )
    from partimento.doctor.data_checks import CHECKS
    from partimento.doctor.report import known_findings, report_dict, report_text

    emit(report_dict(found), json, None if json else report_text(found, known_findings(CHECKS)))
    if found.exit_code:
        raise typer.Exit(found.exit_code)
