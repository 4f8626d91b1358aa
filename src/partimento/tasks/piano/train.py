"""Train a piano recipe, and compare runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.checkpoint import Card
from partimento.core.config import Config
from partimento.tasks.piano.recipe import check_recipe
from partimento.training.compare import compare_and_write
from partimento.training.launch import launch, recipe_label

if TYPE_CHECKING:
    from partimento.training.task import Task

COMPARED_CURVES = (
    "valid_nats_per_note",
    "valid_nats_per_token",
    "train_nats_per_token",
    "train_nats_per_note",
)
"""Columns of the epoch rows that the comparison page draws."""


def train(
    recipe: str | Path,
    overrides: Sequence[str] = (),
    *,
    resume: bool = False,
    out: str | Path | None = None,
    time_limit: str | float | None = None,
    device: str = "cpu",
    progress: bool | None = None,
    preview: bool = False,
) -> dict[str, Any]:
    """Train what the recipe file says; see :func:`partimento.training.launch.launch`."""
    return launch(
        recipe,
        overrides,
        check=check_recipe,
        build=build_task,
        resume=resume,
        out=out,
        time_limit=time_limit,
        device=device,
        progress=progress,
        preview=preview,
    )


def compare(runs: Sequence[str | Path], out: str | Path | None = None) -> dict[str, Any]:
    """Settings that differ between runs, their curves and best figures.

    With ``out`` also a page with the curves.  Raises DataError for a path that is no run folder.
    """
    return compare_and_write(runs, out, COMPARED_CURVES)


def build_task(recipe: Config, file: str | Path) -> Task:
    """The training task that a recipe describes, with its data read."""
    from partimento.tasks.piano.event_recipe import EventRecipe

    if isinstance(recipe, EventRecipe):
        from partimento.tasks.piano.task import EventTask

        return EventTask.from_recipe(recipe, recipe_label(file))
    from partimento.tasks.piano.strong_recipe import StrongRecipe
    from partimento.tasks.piano.strong_task import StrongTask

    if not isinstance(recipe, StrongRecipe):
        raise ValueError(f"no task for a {type(recipe).__name__}")
    return StrongTask(
        recipe.model,
        recipe.data,
        recipe.training.optimizer,
        seed=recipe.training.seed,
        card=Card(
            **recipe.card.model_dump(), task="piano", recipe=recipe_label(file), parameters=0
        ),
        muon_lr=recipe.training.optimizer.muon_lr,
        start=recipe.start,
    )
