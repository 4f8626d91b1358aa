"""From a recipe or a run to the slice that it belongs to, which is loaded only then."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from partimento.core.config import close_matches, load_yaml
from partimento.core.errors import ConfigError
from partimento.core.progress import Progress
from partimento.core.runs import RunFolder
from partimento.tasks import TASKS


def slice_module(task: object, use: str, where: str) -> Any:
    """The module ``use`` of the slice ``task``.

    Raises ConfigError, listing the tasks, when there is no such slice.
    """
    if not isinstance(task, str) or task not in TASKS:
        problem = "the key `task` is missing" if task is None else f"there is no task {task!r}"
        raise ConfigError(f"{problem} ({close_matches(str(task), TASKS)})", where=where)
    return import_module(f"partimento.tasks.{task}.{use}")


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
    """Train the model of a recipe; its top-level key ``task`` picks the slice.

    A ``.json`` file without that key is a configuration of the audio-to-visual source.

    ``time_limit`` is seconds or a text such as ``90m``; ``progress`` None draws a line when a
    terminal watches.  Returns the summary of the run.  With ``preview`` nothing is trained: the
    learning rate over the steps comes back, with its peak.

    Raises ConfigError for a wrong recipe or override.
    """
    task = load_yaml(recipe).get("task")
    if task is None and Path(recipe).suffix == ".json":
        # The one source whose configurations are JSON files, with keys of its own and no `task`.
        task = "audio2visual"
    module = slice_module(task, "train", str(recipe))
    summary: dict[str, Any] = module.train(
        Path(recipe),
        overrides,
        resume=resume,
        out=None if out is None else Path(out),
        time_limit=time_limit,
        device=device,
        progress=progress,
        preview=preview,
    )
    return summary


def compare(runs: Sequence[str | Path], out: str | Path | None = None) -> dict[str, Any]:
    """Compare run folders of one task: settings that differ, curves, best figures.

    With ``out`` also a page with the curves.

    Raises ConfigError when the runs belong to different tasks, DataError for no run folder.
    """
    paths = [Path(run) for run in runs]
    tasks = {str(path): RunFolder.open(path).config().get("task") for path in paths}
    if len(set(tasks.values())) != 1:
        named = ", ".join(f"{run}: {task}" for run, task in tasks.items()) or "none given"
        raise ConfigError(f"compare needs runs of one task ({named})", where="compare")
    module = slice_module(next(iter(tasks.values())), "train", str(paths[0]))
    report: dict[str, Any] = module.compare(paths, out)
    return report


def evaluate_chorale(
    data: str | Path,
    split: str = "valid",
    *,
    task: Literal["likelihood", "harmonize"] = "likelihood",
    weights: str | Path = "chorale-strong",
    n: int = 1,
    seed: int = 0,
    mode: Literal["strict", "free", "off"] = "strict",
    temperature: float = 0.6,
    top_p: float = 0.9,
    limit: int | None = None,
    rich: str | Path | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure chorale weights on one split of a data file in the canonical form.

    ``likelihood`` gives nats per frame and per note beside the floors; ``harmonize`` harmonises
    each soprano ``n`` times and measures the voice leading beside that of the reference scores.
    The drawing options and ``limit`` count for the second only; so does ``rich``, a file that
    knows where the fermatas are.
    """
    module = import_module("partimento.tasks.chorale.evaluate")
    shared: dict[str, Any] = {"weights": weights, "device": device, "progress": progress}
    result: dict[str, Any]
    if task == "likelihood":
        result = module.evaluate_likelihood(data, split, **shared)
    else:
        drawing = {"n": n, "seed": seed, "temperature": temperature, "top_p": top_p}
        result = module.evaluate_harmonize(
            data, split, mode=mode, limit=limit, rich=rich, **drawing, **shared
        )
    return result
