"""Learning rates as pure functions of the step: nothing to store, nothing to resume."""

from __future__ import annotations

import math
from typing import NamedTuple

from partimento.training.config import ScheduleConfig


class StepRates(NamedTuple):
    """``lr_scale`` multiplies the peak rate of every parameter group.

    ``beta1`` is None except under one-cycle, which lowers the momentum while the rate is high.
    """

    lr_scale: float
    beta1: float | None = None


def rates(config: ScheduleConfig, step: int, total_steps: int | None) -> StepRates:
    """The rates of the 0-based ``step``.

    Raises ValueError when the shape needs ``total_steps`` and none is given.
    """
    if config.kind == "fixed":
        return StepRates(_warmup(config, step))
    if config.kind == "inverse_sqrt":
        return StepRates(_inverse_sqrt(config, step))
    if config.kind == "step":
        return StepRates(_warmup(config, step) * config.factor ** (step // config.every))
    if total_steps is None:
        raise ValueError(f"schedule {config.kind!r} needs the number of steps")
    if config.kind == "cosine":
        length = max(1, total_steps - config.warmup_steps)
        done = min(max(0, step - config.warmup_steps) / length, 1.0)
        return StepRates(_warmup(config, step) * _cosine(1.0, config.floor, done))
    return _one_cycle(config, min(step, total_steps - 1), total_steps)


def _warmup(config: ScheduleConfig, step: int) -> float:
    return min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0


def _inverse_sqrt(config: ScheduleConfig, step: int) -> float:
    """Linear warm-up, then 1 / sqrt(step) (Vaswani et al. 2017, section 5.3), 1 at the peak.

    The paper's rate is this times (width x warmup_steps)^-0.5.
    """
    number = step + 1
    warmup = max(1, config.warmup_steps)
    return min(number / warmup, math.sqrt(warmup / number))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def _one_cycle(config: ScheduleConfig, step: int, total_steps: int) -> StepRates:
    """Two cosine phases (Smith and Topin 2017), the momentum going the other way (0.95 - 0.85)."""
    # A run of a handful of steps has no room for two phases: then the first step is the peak.
    peak = max(config.rise * total_steps - 1, 1e-9)
    first = 1.0 / config.start_divisor
    if step <= peak:
        done = step / peak
        return StepRates(_cosine(first, 1.0, done), _cosine(0.95, 0.85, done))
    done = (step - peak) / max(total_steps - 1 - peak, 1e-9)
    done = min(done, 1.0)
    return StepRates(_cosine(1.0, first / config.end_divisor, done), _cosine(0.85, 0.95, done))
