"""From a recipe file to a run: what the training of every task does around its own task."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from partimento.core.config import Config, apply_overrides, read_values
from partimento.core.errors import ConfigError
from partimento.core.runs import RunFolder
from partimento.training.config import UNTIMED, TrainingConfig
from partimento.training.distributed import World, own_device, own_rank, world
from partimento.training.task import Task

RUNS = Path("runs")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


R = TypeVar("R", bound=Config)


def launch(
    recipe: str | Path,
    overrides: Sequence[str],
    *,
    check: Callable[[dict[str, Any], str], R],
    build: Callable[[R, str | Path], Task],
    resume: bool = False,
    out: str | Path | None = None,
    time_limit: str | float | None = None,
    device: str = "cpu",
    progress: bool | None = None,
    preview: bool = False,
) -> dict[str, Any]:
    """Train what the recipe file says, and return the summary of the run.

    ``check`` makes a recipe of plain values and ``build`` the training task of a recipe.  ``out``
    is the run folder; without it ``runs/NAME-DATE``, and with ``resume`` the newest of these.  A
    resumed run keeps the configuration that it was started with, plus ``overrides``.
    ``time_limit`` is seconds or a text such as ``90m``, for this invocation.  With ``preview``
    nothing is trained: the learning rate over the steps comes back.

    Under ``torchrun`` the processes train together, each with its share of the batches of a step;
    the first one writes the run folder, and all return its summary.

    Raises ConfigError for a wrong recipe, override, folder or device, and DataError for data that
    are not there or a run that cannot be resumed.
    """
    name = Path(recipe).stem
    seconds = parse_duration(time_limit)
    run: RunFolder | None = None
    if resume:
        run = _of_rank(newest_run(name) if out is None else Path(out))
        chosen = check(apply_overrides(run.config(), overrides), str(run.path))
    else:
        chosen = check(*read_values(recipe, overrides))
    if preview:
        return _preview(chosen, recipe, build)
    task = build(chosen, recipe)

    from partimento.training.trainer import fit

    place = own_device(device)
    with world(place) as processes:
        if run is None:
            run = _new_run(
                fresh_folder(name) if out is None else Path(out), chosen, processes, place
            )
        result = fit(
            task,
            _training(chosen),
            run,
            resume=resume,
            time_limit_sec=seconds,
            device=place,
            progress=progress,
            world=processes,
        )
    return {"run": str(run.path), **_plain(asdict(result))}


def _of_rank(path: Path) -> RunFolder:
    """An existing run; only the first process repairs what a crash has left in it."""
    return RunFolder.open(path) if own_rank() == 0 else RunFolder(path)


def _new_run(path: Path, recipe: Config, processes: World, device: str) -> RunFolder:
    """The new run folder, made by the first process; the others wait for its name."""
    if processes.first:
        RunFolder.create(path, recipe, sys.argv)
    return RunFolder(Path(processes.text_of_first(str(path), device)))


def _preview(recipe: R, file: str | Path, build: Callable[[R, str | Path], Task]) -> dict[str, Any]:
    """The schedule's preview; only a recipe that counts in epochs needs its data for it."""
    from partimento.training.preview import preview_schedule

    config = _training(recipe)
    if config.schedule.kind in UNTIMED:
        return preview_schedule(config)
    if config.schedule.total_steps or config.max_steps:
        return preview_schedule(config)
    task = build(recipe, file)
    batches = task.batches(0, task.full_length)
    return preview_schedule(config, config.max_epochs * -(-batches // config.accumulate))


def _training(recipe: Config) -> TrainingConfig:
    training = getattr(recipe, "training", None)
    if not isinstance(training, TrainingConfig):
        raise ValueError(f"{type(recipe).__name__} has no training")
    return training


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


def recipe_label(file: str | Path) -> str:
    """``recipes/chorale/x.yaml``: no more of the path, which tells of the machine only."""
    return "/".join(Path(file).parts[-3:])


def in_one_go(lasts: str, *, preview: bool, time_limit: str | float | None, resume: bool) -> None:
    """Refuse what only a training in epochs can do; ``lasts`` says how long the fit takes.

    Raises ConfigError that names the options.
    """
    given = {"--preview": preview, "--time-limit": time_limit is not None, "--resume": resume}
    refused = [name for name, is_on in given.items() if is_on]
    if refused:
        raise ConfigError(
            f"this model is fitted in {lasts}, in one go",
            where=", ".join(refused),
            fix="Leave it out",
        )


def fresh_folder(name: str) -> Path:
    """A run folder for now that is not there yet."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path, count = RUNS / f"{name}-{stamp}", 1
    while path.exists():
        path, count = RUNS / f"{name}-{stamp}-{count}", count + 1
    return path


def newest_run(name: str) -> Path:
    """The newest run folder of a recipe.  Raises ConfigError when there is none."""
    pattern = re.compile(re.escape(name) + r"-\d{8}-\d{6}(-\d+)?")
    found = [p for p in sorted(RUNS.glob(f"{name}-*")) if pattern.fullmatch(p.name)]
    if not found:
        raise ConfigError(
            f"there is no run of {name} in {RUNS}", where="--resume", fix="Name its folder with -o"
        )
    return max(found, key=lambda p: (p.stat().st_mtime_ns, p.name))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}
