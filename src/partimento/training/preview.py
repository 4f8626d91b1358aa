"""The learning rate over the steps of a recipe, seen before any step is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from partimento.training.config import TrainingConfig
from partimento.training.schedule import rates

POINTS = 60
ROWS = 10


def preview_schedule(config: TrainingConfig, steps: int | None = None) -> dict[str, Any]:
    """Rates of the first parameter group over a training of ``steps`` optimiser steps.

    Without ``steps``: those that the recipe states; else, where the shape has no length, ten times
    the warm-up or a thousand.  ``plot`` draws the rate in text, ``steps`` and ``rates`` are the
    points of it, ``peak`` and ``peak_step`` are exact.

    Raises ValueError where the shape needs its length and neither says it.
    """
    schedule, lr = config.schedule, config.optimizer.lr
    stated = schedule.total_steps or config.max_steps
    length = steps or stated
    if length is None:
        if schedule.kind in ("onecycle", "cosine"):
            raise ValueError("the preview needs the number of steps")
        length = 10 * schedule.warmup_steps or 1000
    total = stated or length
    every = [lr * rates(schedule, step, total).lr_scale for step in range(length)]
    peak_step = max(range(length), key=every.__getitem__)
    shown = sorted({round(i * (length - 1) / (POINTS - 1)) for i in range(POINTS)} | {peak_step})
    return {
        "kind": schedule.kind,
        "total_steps": length,
        "warmup_steps": schedule.warmup_steps,
        "bound": schedule.bound,
        "peak": every[peak_step],
        "peak_step": peak_step,
        "first": every[0],
        "last": every[-1],
        "steps": shown,
        "rates": [every[step] for step in shown],
        "plot": plot(every),
    }


def plot(values: Sequence[float], rows: int = ROWS, columns: int = POINTS) -> str:
    """A curve from 0 to its largest value as lines of text.

    >>> print(plot([0.0, 1.0], rows=2, columns=2))
    1.00e+00 |  #
    5.00e-01 |  #
             +---
              0 to 1
    """
    top = max(values) or 1.0
    last = len(values) - 1
    picked = [values[round(i * last / max(1, columns - 1))] for i in range(columns)]
    heights = [math.ceil(rows * value / top - 1e-9) for value in picked]
    lines = [
        f"{top * row / rows:8.2e} | " + "".join("#" if h >= row else " " for h in heights).rstrip()
        for row in range(rows, 0, -1)
    ]
    return "\n".join([*lines, " " * 9 + "+" + "-" * columns + "-", " " * 11 + f"0 to {last}"])
