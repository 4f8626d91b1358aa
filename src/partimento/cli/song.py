"""The command that goes the whole way: song."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar, table


def song(
    text: Annotated[str, typer.Argument(help="What you want to hear, in words.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")] = Path("song"),
    bars: Annotated[
        int | None, typer.Option(min=1, max=64, help="Length; default: as the text says, or 16.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help='Correct what was understood, such as key="D minor".'),
    ] = None,
    candidates: Annotated[
        int, typer.Option(min=1, max=16, help="Pieces to compose; the best is kept.")
    ] = 4,
    players: Annotated[
        int, typer.Option(min=1, max=16, help="Players of each piece; the best is kept.")
    ] = 3,
    guidance: Annotated[float, typer.Option(help="How hard the model listens to the words.")] = 1.5,
    harmonize: Annotated[
        bool, typer.Option("--harmonize", help="Also set the melody as a chorale in four parts.")
    ] = False,
    arrange: Annotated[
        str | None,
        typer.Option(
            help="Also arrange it: string, brass, wind or saxophone quartet, choir, keyboard, "
            "organ, harpsichord."
        ),
    ] = None,
    expression: Annotated[
        str, typer.Option(help="Players: learnt from pianists, or by rules.")
    ] = "learnt",
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """From a sentence to a piece that is played, judged, engraved, heard and pictured.

    Several pieces are composed and each is played by several players, learnt from pianists or by
    rules; the words judge the pieces, the critic the players. Every file is kept, and index.html
    shows and plays everything. The text may ask for a chorale or an arrangement, as the options do.
    """
    with progress_bar(json) as progress:
        made = partimento.song(
            text,
            out,
            bars=bars,
            settings=settings,
            candidates=candidates,
            players=players,
            guidance=guidance,
            harmonize=harmonize,
            arrange=arrange,
            expression=expression,
            seed=seed,
            progress=progress,
        )
    report = made.report()
    emit(report, json, None if json else _text(report))


def _text(report: dict[str, Any]) -> str:
    columns = ["take", "match", "convincing", "seconds"]
    told = "unjudged" if report["convincing"] is None else f"{report['convincing']:.2f}"
    return "\n".join(
        [
            table(report["takes"], columns),
            f"kept {report['chosen']} by {report['chosen_by']}: match {report['match']:.0%}, "
            f"interpretation {told}",
            *_in_parts(report),
            *report["could_not"],
            *(f"wrote {file}" for file in report["files"]),
        ]
    )


def _in_parts(report: dict[str, Any]) -> list[str]:
    """A line for the chorale and one for the arrangement, where there are any."""
    found = [report["chorale"], report["arrangement"]]
    return [f"{one['title']}: {' '.join(one['said'])}" for one in found if one is not None]
