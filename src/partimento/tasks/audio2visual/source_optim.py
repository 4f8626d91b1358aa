"""AdamW with a rate, a decay and a schedule of its own for each head's adapters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import distributed, nn

from partimento.tasks.audio2visual.source_config import HeadRates
from partimento.training.config import OptimizerConfig, ScheduleConfig, TrainingConfig
from partimento.training.optim import split_by_decay
from partimento.training.schedule import rates

_OWN, _DONE = "own_schedule", "own_steps"
"""Keys of a parameter group: which head's schedule it follows, and the steps it has made.

They are saved with the optimiser, so that a resumed run goes on at the right place.
"""


def processes() -> int:
    """How many processes share the batches of a step."""
    ready = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if ready else 1


def head_optimizer(
    heads: Mapping[str, nn.Module],
    config: OptimizerConfig,
    own: Mapping[Any, HeadRates],
    total_steps: int,
) -> torch.optim.Optimizer:
    """One optimiser, its parameter groups by head.

    What ``own`` leaves open is taken from ``config``.  A head with a schedule of its own is set
    before every step; the others follow whoever sets ``lr`` (the trainer).  ``total_steps`` is the
    length of a schedule that needs one.

    Raises ValueError for the optimiser ``task``.
    """
    groups: list[dict[str, Any]] = []
    for name, head in heads.items():
        settings = own.get(name, HeadRates())
        lr = config.lr if settings.lr is None else settings.lr
        decay = config.weight_decay if settings.weight_decay is None else settings.weight_decay
        schedule = name if settings.schedule is not None else ""
        parts = split_by_decay(head)
        decays = (decay, decay if config.decay_all else 0.0)
        groups += [
            {"params": params, "lr": lr, "weight_decay": value, _OWN: schedule, _DONE: 0}
            for params, value in zip(parts, decays, strict=True)
            if params
        ]
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
    if config.name not in kinds:
        raise ValueError(f"no optimiser {config.name!r} here")
    betas = (config.beta1, config.beta2)
    optimizer = kinds[config.name](groups, lr=config.lr, betas=betas, eps=config.eps, foreach=True)
    schedules = {name: one.schedule for name, one in own.items() if one.schedule is not None}
    _follow(optimizer, schedules, total_steps)
    return optimizer


def _follow(
    optimizer: torch.optim.Optimizer, schedules: Mapping[str, ScheduleConfig], total_steps: int
) -> None:
    """Before each step set the groups that have schedules of their own."""

    def before(stepping: torch.optim.Optimizer, *_: object) -> None:
        for group in stepping.param_groups:
            schedule = schedules.get(group[_OWN])
            if schedule is None:
                continue
            peak = group.setdefault("initial_lr", group["lr"])
            length = schedule.total_steps or total_steps
            group["lr"] = peak * rates(schedule, group[_DONE], length).lr_scale
            group[_DONE] += 1

    if schedules:
        optimizer.register_step_pre_hook(before)


def steps_of(training: TrainingConfig, batches: int) -> int:
    """Optimiser steps of a whole training with so many batches an epoch."""
    each = -(-batches // (training.accumulate * processes()))
    return training.max_steps or training.max_epochs * each
