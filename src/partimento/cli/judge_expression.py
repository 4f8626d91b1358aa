"""The command that measures the learnt expression."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar, table


def evaluate_expression(
    folder: Annotated[
        Path, typer.Argument(help="ASAP's archives unpacked, with performances.csv beside them.")
    ],
    part: Annotated[
        str, typer.Option(help="Part of the table to measure on: validation or train.")
    ] = "validation",
    players: Annotated[
        int, typer.Option(min=1, max=16, help="Players drawn of the rules and of the learnt.")
    ] = 3,
    pieces: Annotated[
        int, typer.Option(min=0, max=12, help="Pieces composed for the critic; 0 leaves it out.")
    ] = 12,
    bars: Annotated[int, typer.Option(min=2, max=64, help="Length of these pieces.")] = 16,
    weights: options.Weights = "expression-asap",
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Learnt expression beside rules, no expression, and other pianists.

    Tempo of beats, velocity and articulation of notes, each about its mean in the section:
    correlation and share explained, mean over works with 95 % intervals. Then the critic's score
    of the interpretation of composed pieces.
    """
    with progress_bar(json) as progress:
        report = partimento.evaluate_expression(
            folder,
            weights=weights,
            part=part,
            players=players,
            pieces=pieces,
            bars=bars,
            seed=seed,
            progress=progress,
        )
    emit(report, json, None if json else expression_text(report))


def expression_text(report: Mapping[str, Any]) -> str:
    """One table for each measure, then what the critic says."""
    counts = (
        f"{report['sections']} sections of {report['performances']} performances of "
        f"{report['works']} works ({report['part']}), {report['notes']} notes"
    )
    parts = [counts]
    for kind, title in (("r", "correlation"), ("explained", "share explained")):
        names = [f"{name}_{kind}" for name in ("tempo", "velocity", "articulation")]
        ways = {**report["ways"], "learnt less rules": report["learnt_less_rules"]}
        rows = [
            {"way": way, **{n.split("_")[0]: _interval(found.get(n)) for n in names}}
            for way, found in ways.items()
        ]
        parts.append(f"{title}\n{table(rows, tuple(rows[0]))}")
    critic = report.get("critic")
    if critic:
        ways = {**critic["ways"], "learnt less rules": critic["learnt_less_rules"]}
        rows = [{"way": way, critic["dimension"]: _interval(one)} for way, one in ways.items()]
        title = f"{critic['critic']}: {critic['pieces']} composed pieces of {critic['bars']} bars"
        parts.append(f"{title}\n{table(rows, tuple(rows[0]))}")
    return "\n\n".join(parts)


def _interval(found: Mapping[str, float] | None) -> str:
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]" if found else ""
