"""Train a chorale recipe, and compare runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.checkpoint import Card
from partimento.core.config import apply_overrides
from partimento.core.errors import ConfigError
from partimento.core.runs import RunFolder
from partimento.tasks.chorale.recipe import (
    ChoraleRecipe,
    SourceRecipe,
    check_recipe,
    load_recipe,
)
from partimento.training.compare import compare_runs, write_comparison

if TYPE_CHECKING:
    from partimento.training.task import Task

RUNS = Path("runs")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def train(
    recipe: str | Path,
    overrides: Sequence[str] = (),
    *,
    resume: bool = False,
    out: str | Path | None = None,
    time_limit: str | float | None = None,
    device: str = "cpu",
    progress: bool | None = None,
) -> dict[str, Any]:
    """Train what the recipe file says, and return the summary of the run.

    ``out`` is the run folder; without it ``runs/NAME-DATE``, and with ``resume`` the newest of
    these.  A resumed run keeps the configuration that it was started with, plus ``overrides``.
    ``time_limit`` is seconds or a text such as ``90m``, for this invocation.

    Raises ConfigError for a wrong recipe, override, folder or device, and DataError for data that
    are not there or a run that cannot be resumed.
    """
    name = Path(recipe).stem
    seconds = parse_duration(time_limit)
    if resume:
        run = RunFolder.open(_newest_run(name) if out is None else out)
        chosen = check_recipe(apply_overrides(run.config(), overrides), str(run.path))
        task = build_task(chosen, recipe)
    else:
        chosen = load_recipe(recipe, overrides)
        task = build_task(chosen, recipe)
        run = RunFolder.create(_fresh_folder(name) if out is None else out, chosen, sys.argv)

    from partimento.training.trainer import fit

    result = fit(
        task,
        chosen.training,
        run,
        resume=resume,
        time_limit_sec=seconds,
        device=device,
        progress=progress,
    )
    return {"run": str(run.path), **_plain(asdict(result))}


def compare(runs: Sequence[str | Path], out: str | Path | None = None) -> dict[str, Any]:
    """Settings that differ between runs, their curves and best figures.

    With ``out`` also a page with the curves.  Raises DataError for a path that is no run folder.
    """
    report = compare_runs(runs)
    if out is not None:
        write_comparison(report, out, curves=COMPARED_CURVES)
        report = {**report, "page": str(out)}
    return report


COMPARED_CURVES = (
    "valid_nats_per_frame",
    "train_nats_per_frame",
    "valid_melodic_nats_per_frame",
    "valid_harmonic_nats_per_frame",
    "length",
)
"""Columns of the epoch rows that the comparison page draws."""


def build_task(recipe: ChoraleRecipe, file: str | Path) -> Task:
    """The training task that a recipe describes, with its data read."""
    if isinstance(recipe, SourceRecipe):
        from partimento.tasks.chorale.task import SourceTask

        return SourceTask.from_recipe(recipe, _recipe_label(file))
    from partimento.tasks.chorale.strong_recipe import StrongRecipe
    from partimento.tasks.chorale.strong_task import StrongTask

    if not isinstance(recipe, StrongRecipe):
        raise ValueError(f"no task for a {type(recipe).__name__}")
    return StrongTask(
        recipe.model,
        recipe.data,
        recipe.training.optimizer,
        batch_size=recipe.training.batch_size,
        seed=recipe.training.seed,
        card=Card(
            **recipe.card.model_dump(),
            task="chorale",
            recipe=_recipe_label(file),
            parameters=0,
        ),
        muon_lr=recipe.training.optimizer.muon_lr,
    )


def parse_duration(text: str | float | None) -> float | None:
    """Seconds of ``90`` or ``90s``, ``25m``, ``1h30m``; None stays None.

    Raises ConfigError for anything else, and for zero.

    >>> parse_duration("1h30m")
    5400.0
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(str(text).strip().lower().replace(" ", ""))
    parts = match.groups() if match else (None,)
    seconds = sum(
        float(p) * unit for p, unit in zip(parts, (3600, 60, 1), strict=False) if p is not None
    )
    if seconds <= 0:
        raise ConfigError(
            f"{text!r} is no time", where="--time-limit", fix="Write 90s, 25m or 1h30m"
        )
    return float(seconds)


def _recipe_label(file: str | Path) -> str:
    """``recipes/chorale/x.yaml``: no more of the path, which tells of the machine only."""
    return "/".join(Path(file).parts[-3:])


def _fresh_folder(name: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path, count = RUNS / f"{name}-{stamp}", 1
    while path.exists():
        path, count = RUNS / f"{name}-{stamp}-{count}", count + 1
    return path


def _newest_run(name: str) -> Path:
    pattern = re.compile(re.escape(name) + r"-\d{8}-\d{6}(-\d+)?")
    found = [p for p in sorted(RUNS.glob(f"{name}-*")) if pattern.fullmatch(p.name)]
    if not found:
        raise ConfigError(
            f"there is no run of {name} in {RUNS}", where="--resume", fix="Name its folder with -o"
        )
    return max(found, key=lambda p: (p.stat().st_mtime_ns, p.name))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}
