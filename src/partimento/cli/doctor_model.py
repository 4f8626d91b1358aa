"""Command that examines trained weights: doctor model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import partimento
from partimento.cli import options
from partimento.cli.doctor import show


def doctor_model(
    weights: Annotated[str, typer.Argument(help="Shipped name, file or folder of weights.")],
    data: Annotated[
        Path, typer.Option(help="Held-out data of the task, as `doctor data TASK` takes it.")
    ],
    examples: Annotated[
        int | None, typer.Option(min=2, help="How many examples are looked at; default by task.")
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Examine weights: causality, padding, flow of information, attention, conditioning, levels.

    The task is the one that the weights name.  The exit code is 1 when a finding is severe.
    """
    show(partimento.examine_weights(weights, data, examples=examples, seed=seed), json)
