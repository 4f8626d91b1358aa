"""Train a text2midi recipe, and compare runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.tasks.text2midi.recipe import TextRecipe, check_recipe, part_of_kind
from partimento.training.compare import compare_and_write
from partimento.training.launch import launch, recipe_label

if TYPE_CHECKING:
    from partimento.training.task import Task

COMPARED_CURVES = (
    "valid_nats_per_note",
    "valid_nats_per_token",
    "train_nats_per_note",
    "train_nats_per_token",
)
"""Columns of the rows that the comparison page draws."""


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


def build_task(recipe: TextRecipe, file: str | Path) -> Task:
    """The training task that a recipe describes, with its data read."""
    task: Task = part_of_kind(recipe.kind, "build")(recipe, recipe_label(file))
    return task
