"""Commands that judge what text to music made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, table


def evaluate_pair(
    generated: Annotated[Path, typer.Argument(help="MIDI file to judge.")],
    reference: Annotated[Path, typer.Argument(help="MIDI file that it should be like.")],
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="Weights of measures, such as density=0.5,tempo=0.2; repeatable. "
            "Others keep theirs: density 0.25, velocity 0.15, range, meter and tempo 0.2."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """How alike two MIDI files are: density, velocity, range, meter, tempo, and their mean.

    Every measure is from 0 to 1. Levels: excellent from 0.9, good from 0.8, fair from 0.65, else
    poor. Unlike pieces often reach 0.6: docs/attributes.md tells what totals mean.
    """
    from partimento.music.pair_similarity import parse_weights

    chosen = parse_weights(weights) if weights else None
    report = partimento.evaluate_pair(generated, reference, weights=chosen)
    emit(report, json, None if json else _pair_text(report))


def _pair_text(report: dict[str, Any]) -> str:
    """One line for each measure and one for the total."""
    rows = [{"measure": name, **row} for name, row in report["measures"].items()]
    rows.append({"measure": "total", "value": report["total"], "level": report["level"]})
    for row in rows:
        row.update({key: f"{row[key]:.2f}" for key in ("value", "weight") if key in row})
    return table(rows, ("measure", "value", "level", "weight"))
