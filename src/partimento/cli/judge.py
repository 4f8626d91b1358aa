"""Commands that judge: check, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.batch import run_findings
from partimento.cli.inputs import expand
from partimento.cli.output import emit, progress_bar

evaluate = typer.Typer(help="Measure a model on data.", no_args_is_help=True)


def check(inputs: options.Inputs, json: options.Json = False) -> None:
    """List voice-leading faults of four-part scores, with bar, beat and voices.

    The exit code is 0 whether or not there are faults.
    """

    def work(file: Path) -> list[dict[str, Any]]:
        return list(partimento.check(file).report())

    run_findings(expand(inputs), work, json)


@evaluate.command("chorale")
def evaluate_chorale(
    data: Annotated[Path, typer.Option(help="JSON file: split -> pieces -> frames [S, A, T, B].")],
    split: Annotated[str, typer.Option(help="Which split of the file.")] = "valid",
    task: Annotated[
        Literal["likelihood", "harmonize"],
        typer.Option(help="Measure the likelihood, or harmonise each soprano and judge it."),
    ] = "likelihood",
    weights: options.Weights = "chorale-strong",
    n: options.Count = 1,
    seed: options.Seed = 0,
    mode: options.ModeOption = "strict",
    temperature: options.Temperature = 0.6,
    top_p: options.TopP = 0.9,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Harmonise only the first pieces of the split.")
    ] = None,
    rich: Annotated[
        Path | None, typer.Option(help="File that knows where the fermatas are.")
    ] = None,
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Nats per frame and per note beside the floors, or voice leading beside the references."""
    with progress_bar(json) as progress:
        result = partimento.evaluate_chorale(
            data,
            split,
            task=task,
            weights=weights,
            n=n,
            seed=seed,
            mode=mode,
            temperature=temperature,
            top_p=top_p,
            limit=limit,
            rich=rich,
            device=device,
            progress=progress,
        )
    emit(result, json)
