"""Train a piano recipe, and compare runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.checkpoint import Card
from partimento.core.config import Config, apply_overrides, load_yaml
from partimento.core.progress import progress_bar
from partimento.tasks.piano.recipe import check_recipe, load_recipe
from partimento.training.compare import compare_and_write
from partimento.training.launch import in_one_go, launch, recipe_label

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
    """Train what the recipe file says; see :func:`partimento.training.launch.launch`.

    The learnt expression (``kind: expression``) is no training in epochs: it is fitted in some
    minutes and takes neither ``resume`` nor ``preview`` nor ``time_limit``.
    """
    if str(apply_overrides(load_yaml(recipe), overrides).get("kind")) == "expression":
        in_one_go("some minutes", preview=preview, time_limit=time_limit, resume=resume)
        return _fit_expression(recipe, overrides, out, progress)
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


def _fit_expression(
    recipe: str | Path,
    overrides: Sequence[str],
    out: str | Path | None,
    progress: bool | None,
) -> dict[str, Any]:
    """Fit the expression of a recipe."""
    from partimento.tasks.piano.expression_recipe import ExpressionRecipe, train_expression

    chosen = load_recipe(recipe, overrides)
    if not isinstance(chosen, ExpressionRecipe):
        raise ValueError(f"no expression for a {type(chosen).__name__}")
    with progress_bar(progress is False) as bar:
        return train_expression(chosen, recipe, out=out, progress=bar)


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
