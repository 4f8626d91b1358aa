"""Commands that train: train, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit
from partimento.core.errors import ConfigError


def train(
    recipes: Annotated[list[Path], typer.Argument(help="Recipe files (YAML).")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value, such as training.seed=1; may be repeated."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run stopped.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Run folder; with several recipes its parent."),
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Stop and save after this time, such as 90m or 1h30m.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only show the learning rate over the steps.")
    ] = False,
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Train the models of recipes; the run folder holds curves, checkpoints and samples."""
    if len({recipe.stem for recipe in recipes}) < len(recipes):
        raise ConfigError("two recipes of the same name would share a run folder", where="train")
    summaries = []
    for recipe in recipes:
        folder = out / recipe.stem if out is not None and len(recipes) > 1 else out
        summary = partimento.train(
            recipe,
            overrides or (),
            resume=resume,
            out=folder,
            time_limit=time_limit,
            device=device,
            progress=False if json else None,
            preview=preview,
        )
        summaries.append({"recipe": str(recipe), **summary})
    text = "\n\n".join(map(_preview_text, summaries)) if preview else None
    emit(summaries[0] if len(summaries) == 1 else summaries, json, text)


def _preview_text(preview: dict[str, Any]) -> str:
    """The plot of a schedule and its peak."""
    return "\n".join(
        [
            preview["plot"],
            f"{preview['recipe']}: {preview['kind']} over {preview['total_steps']} steps, "
            f"peak {preview['peak']:.3g} at step {preview['peak_step']}, "
            f"last {preview['last']:.3g}",
        ]
    )


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="HTML page with the curves to write.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Compare training runs: settings that differ, best figures, time."""
    report = partimento.compare(runs, out)
    # The rows of the curves are for programs and the page; on a terminal they would drown the rest.
    emit(report if json else {k: v for k, v in report.items() if k != "curves"}, json)
