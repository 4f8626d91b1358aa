"""Commands that measure speed: bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import partimento
from partimento.cli import options
from partimento.cli.bench_sound import bench_audio2visual_claims
from partimento.cli.output import emit, progress_bar

bench = typer.Typer(help="Measure speed beside other libraries.", no_args_is_help=True)


@bench.callback()
def _bench() -> None:
    """Measure speed beside other libraries."""


bench.command("audio2visual-claims")(bench_audio2visual_claims)


@bench.command("piano")
def bench_piano(
    data: Annotated[
        Path | None, typer.Option(help="Folder of MIDI files to tokenise; default: drawn ones.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the figures and plots.")
    ] = None,
    weights: options.Weights = "piano-strong",
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny models, once: only to see that all of it runs.")
    ] = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Decoding, training, tokenising and parsing beside other libraries, in one run.

    Libraries that are not installed are left out with a reason; `pip install partimento[bench]`
    brings them.
    """
    with progress_bar(json) as progress:
        result = partimento.bench_piano(
            data=data, out=out, weights=weights, quick=quick, seed=seed, progress=progress
        )
    emit(result, json)
