"""The command that measures the claims about sound-to-text adapters again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar


def bench_audio2visual_claims(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with esc10.csv and audio/; without it only made-up clips."),
    ] = None,
    bank: Annotated[
        str, typer.Option(help="Prompt bank: builtin, or a file of `partimento bank build`.")
    ] = "builtin",
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny trainings: only to see that all of it runs.")
    ] = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """What the source design's authors believed, measured again, with verdicts by stated rules.

    Under five minutes on one core. Batch sizes, class gradients, scales of losses, normalisation,
    class-pure batches, the constant's loss, activations, per-class losses.
    """
    with progress_bar(json) as progress:
        table = partimento.bench_claims(
            data=data, bank=bank, quick=quick, seed=seed, progress=progress
        )
    emit(table.to_dict(), json, table.text())
