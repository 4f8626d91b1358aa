"""Train an audio2visual recipe, and compare runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.config import Config, apply_overrides, load_yaml
from partimento.core.progress import progress_bar
from partimento.tasks.audio2visual.recipe import check_recipe, load_recipe, part_of_kind
from partimento.training.compare import compare_and_write
from partimento.training.launch import in_one_go, launch, recipe_label

if TYPE_CHECKING:
    from partimento.training.task import Task

COMPARED_CURVES = ("valid_top1", "valid_r2", "valid_error", "train_loss")
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
    """Train what the recipe file says; see :func:`partimento.training.launch.launch`.

    The shipped encoder (``kind: encoder``) is no training in epochs: it is fitted in some minutes
    and takes neither ``resume`` nor ``preview`` nor ``time_limit``.
    """
    if str(apply_overrides(load_yaml(recipe), overrides).get("kind")) == "encoder":
        in_one_go("some minutes", preview=preview, time_limit=time_limit, resume=resume)
        return _fit_encoder(recipe, overrides, out, progress)
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


def _fit_encoder(
    recipe: str | Path,
    overrides: Sequence[str],
    out: str | Path | None,
    progress: bool | None,
) -> dict[str, Any]:
    """Fit the encoder of a recipe."""
    from partimento.tasks.audio2visual.encoder_recipe import EncoderRecipe, train_encoder

    chosen = load_recipe(recipe, overrides)
    if not isinstance(chosen, EncoderRecipe):
        raise ValueError(f"no encoder for a {type(chosen).__name__}")
    with progress_bar(progress is False) as bar:
        return train_encoder(chosen, recipe, out=out, progress=bar)


def compare(runs: Sequence[str | Path], out: str | Path | None = None) -> dict[str, Any]:
    """Settings that differ between runs, their curves and best figures.

    With ``out`` also a page with the curves.  Raises DataError for a path that is no run folder.
    """
    return compare_and_write(runs, out, COMPARED_CURVES)


def build_task(recipe: Config, file: str | Path) -> Task:
    """The training task that a recipe describes, with its data read."""
    task: Task = part_of_kind(str(getattr(recipe, "kind", "")), "build")(recipe, recipe_label(file))
    return task
