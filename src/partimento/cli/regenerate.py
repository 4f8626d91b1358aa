"""The command that draws some bars of a piece anew: regenerate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar
from partimento.cli.text2midi import (
    Guidance,
    Pieces,
    SettingWords,
    Temperature,
    TopP,
    compose_text,
)
from partimento.core.plain import plain

DEFAULT_FOLDER = Path("regenerated")


def regenerate(
    piece_file: Annotated[
        Path, typer.Argument(metavar="PIECE", help="MIDI file, such as a composed one.")
    ],
    bars: Annotated[str, typer.Option(help="Bars to draw anew, from 1: 3-4, or 3 for one.")],
    text: Annotated[
        str, typer.Option(help="What the new notes should be like, in plain words.")
    ] = "",
    instruments: Annotated[
        str | None,
        typer.Option(
            help="Whose notes to draw anew, with commas; one that does not play yet comes in. "
            "Default: all of the piece."
        ),
    ] = None,
    locked: Annotated[
        list[str] | None,
        typer.Option(
            "--lock",
            help="A note that stays, as bar:beat:pitch (3:1:C4, 3:2.5:60, 3:1:C4:violin) or as "
            "its row in the note table. Repeatable.",
        ),
    ] = None,
    settings: SettingWords = None,
    n: Pieces = 1,
    candidates: Annotated[
        int,
        typer.Option(help="Draws for each piece; the one that the next two bars fit best is kept."),
    ] = 8,
    seed: options.Seed = 0,
    guidance: Guidance = 1.5,
    temperature: Temperature = None,
    top_p: TopP = None,
    weights: options.Weights = "text2midi-strong",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder to write to. Default: regenerated.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Draw some bars of a piece anew and keep everything else as it is.

    What stands before and the notes that stay inside are known while drawing; what follows is heard
    by reranking. Writes what `compose` writes.
    """
    with progress_bar(json) as progress:
        outcome = partimento.regenerate(
            piece_file,
            text,
            bars=bars,
            instruments=instruments,
            locked=locked or (),
            settings=settings,
            n=n,
            candidates=candidates,
            seed=seed,
            guidance=guidance,
            temperature=temperature,
            top_p=top_p,
            weights=weights,
            out=out or DEFAULT_FOLDER,
            progress=progress,
        )
    report = plain(outcome.report())
    emit(report, json, None if json else regenerate_text(report))


def regenerate_text(report: dict[str, Any]) -> str:
    """The region and what became of it, then as `compose` tells it."""
    region = report["region"]
    lines = [
        f"{report['how']}: {', '.join(region['instruments'])}; "
        f"{region['notes_replaced']} notes replaced, {region['notes_kept']} kept"
    ]
    if region["locked"]:
        lines.append(f"locked: {', '.join(region['locked'])}")
    for number, (place, nats) in enumerate(
        zip(region["chosen_draws"], region["future_nats_of_draws"], strict=True), start=1
    ):
        lines.append(
            f"piece {number}: what follows costs {nats[place]:.1f} nats "
            f"({sum(nats) / len(nats):.1f} after a plain draw, "
            f"{region['future_nats_of_given']:.1f} after the given bars)"
        )
    return "\n".join([*lines, compose_text(report)])
