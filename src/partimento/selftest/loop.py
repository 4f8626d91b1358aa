"""The training loop that the five small tasks share: plain PyTorch, its rows, and the monitor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from partimento.core.config import validate_config
from partimento.doctor.case import Watched
from partimento.doctor.monitor import Monitor
from partimento.training.config import CurriculumConfig, ScheduleConfig
from partimento.training.curriculum import Curriculum
from partimento.training.schedule import rates

Settings = dict[str, Any]
"""Flat names such as "training.optimizer.lr" and their values."""

TRAINING: Mapping[str, Any] = {
    "training.optimizer.lr": 3e-3,
    "training.optimizer.weight_decay": 0.01,
    "training.max_steps": 200,
    "training.batch_size": 16,
    "training.clip": 1.0,
    "training.schedule.kind": "cosine",
    "training.schedule.warmup_steps": 10,
    "training.schedule.total_steps": None,
    "training.schedule.floor": 0.0,
    "training.curriculum.on": False,
    "training.reduce_on_plateau": False,
    "training.validate_steps": 25,
    "training.log_every": 5,
    "training.watch_every": 10,
    "optim.forget_head": False,
    "optim.frozen": "",
    "optim.twice": False,
    "optim.keep_gradients": False,
}
"""Settings that every small task has.  Those under ``optim`` are slips that no recipe shows."""

ALIASES: Mapping[str, str] = {
    "training.lr": "training.optimizer.lr",
    "training.weight_decay": "training.optimizer.weight_decay",
    "training.steps": "training.max_steps",
}
"""Short names that remedies may use."""


def merged(healthy: Mapping[str, Any], settings: Mapping[str, Any]) -> Settings:
    """The healthy settings with some of them changed.

    Raises ValueError for a setting that does not exist.
    """
    given = {ALIASES.get(name, name): value for name, value in settings.items()}
    unknown = sorted(set(given) - set(healthy))
    if unknown:
        raise ValueError(f"the small task has no setting {', '.join(unknown)}")
    return {**healthy, **given}


def nested(settings: Mapping[str, Any], shown: Sequence[str]) -> dict[str, Any]:
    """Settings under the given first names as in YAML; the others are slips, not choices."""
    tree: dict[str, Any] = {}
    for name, value in settings.items():
        *path, last = name.split(".")
        if path[0] not in shown:
            continue
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree


def options(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The settings under a prefix, without it."""
    return {k[len(prefix) + 1 :]: v for k, v in settings.items() if k.startswith(prefix + ".")}


@dataclass(kw_only=True)
class Work:
    """What a small task hands to the loop."""

    model: nn.Module
    batch: Callable[[int, int], Any]
    """(step, length) -> a batch of training examples."""
    loss: Callable[[nn.Module, Any], Tensor]
    outputs: Callable[[nn.Module, Any], Tensor]
    """As in :class:`partimento.doctor.case.Probe`."""
    targets: Callable[[Any], Tensor]
    validate: Callable[[int], dict[str, float]]
    """Present training length -> figures of the held-out examples; "loss" is among them."""
    head: str
    """Name of the last layer, for the slips that concern it."""
    examples: int
    """Training examples."""
    full_length: int = 1
    classes: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Trained:
    """What the loop leaves behind; the model itself is trained in place."""

    rows: list[dict[str, Any]]
    watched: Watched | None
    optimizers: tuple[Optimizer, ...]


def make_optimizers(model: nn.Module, settings: Settings, head: str) -> tuple[Optimizer, ...]:
    """AdamW over all parameters, or over what a slip leaves of them."""
    frozen = settings["optim.frozen"]
    for name, parameter in model.named_parameters():
        if frozen and name.startswith(frozen):
            parameter.requires_grad_(False)
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    if settings["optim.forget_head"]:
        named = [(n, p) for n, p in named if not n.startswith(head)]

    def adamw(parameters: Iterable[nn.Parameter]) -> Optimizer:
        rate, decay = (settings[f"training.optimizer.{k}"] for k in ("lr", "weight_decay"))
        return AdamW(parameters, lr=rate, weight_decay=decay, foreach=True)

    optimizers = [adamw([p for _, p in named])]
    if settings["optim.twice"]:
        optimizers.append(adamw([p for n, p in named if n.startswith(head)]))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return tuple(optimizers)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of a training while it goes on: ``row`` of each row, ``step(done, total)``."""

    row: Callable[[Mapping[str, Any]], None]
    step: Callable[[int, int], None]


_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """While this lasts, watched trainings tell ``listener``; it may raise to end one."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def fit(work: Work, settings: Settings, *, watched: bool) -> Trained:
    """Train; rows as the trainer of the slices writes them.

    A loss that is no number ends the training, as it does there, after the monitor has seen it.
    """
    listener = _LISTENER.get() if watched else None
    model, steps = work.model, settings["training.max_steps"]
    optimizers = make_optimizers(model, settings, work.head)
    schedule = validate_config(ScheduleConfig, options(settings, "training.schedule"), "schedule")
    curriculum = Curriculum(_curriculum(settings), work.full_length)
    state, each = curriculum.start(), max(1, -(-work.examples // settings["training.batch_size"]))
    monitor = Monitor(model, every=settings["training.watch_every"]) if watched else None
    rows: list[dict[str, Any]] = []

    def note(row: dict[str, Any]) -> None:
        rows.append(row)
        if listener is not None:
            listener.row(row)

    note(_validation(work, 0, 0, state.length))
    reason = "max_steps"
    model.train()
    for step in range(steps):
        _set_rates(optimizers, schedule, step, schedule.total_steps or steps)
        batch = work.batch(step, state.length)
        if monitor is not None:
            monitor.before_step(step)
        loss, norm = _step(work, batch, optimizers, settings, monitor)
        finite = math.isfinite(loss)
        last = step + 1 == steps or not finite
        if step % settings["training.log_every"] == 0 or last:
            rate = optimizers[0].param_groups[0]["lr"]
            about = {"kind": "train", "step": step + 1, "epoch": step // each}
            figures = {"loss": loss, "lr": rate, "gradient_norm": norm}
            note({**about, "length": state.length, **figures})
        if not finite:
            reason = "not_finite"
            break
        if (step + 1) % settings["training.validate_steps"] == 0 or last:
            note(_validation(work, step + 1, step // each, state.length))
        if (step + 1) % each == 0:
            state = curriculum.step(state, step // each, rows[-1].get("loss"))
        if listener is not None:
            listener.step(step + 1, steps)
    note({"kind": "stop", "step": step + 1, "epoch": step // each, "reason": reason})
    seen = monitor.watched() if monitor is not None else None
    if monitor is not None:
        monitor.close()
    model.eval()
    return Trained(rows, seen, optimizers)


def _step(
    work: Work,
    batch: Any,
    optimizers: Sequence[Optimizer],
    settings: Settings,
    monitor: Monitor | None,
) -> tuple[float, float]:
    """Loss and gradient norm of one step."""
    if not settings["optim.keep_gradients"]:
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
    loss = work.loss(work.model, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    if monitor is not None and monitor.recording:
        targets = work.targets(batch)
        wanted = targets if targets.is_floating_point() else None
        labels = None if work.classes is None else work.classes(batch).tolist()
        monitor.after_backward(loss, list(optimizers), targets=wanted, classes=labels)
    limit = settings["training.clip"] or math.inf
    norm = torch.nn.utils.clip_grad_norm_(work.model.parameters(), limit)
    for optimizer in optimizers:
        optimizer.step()
    if monitor is not None:
        monitor.after_step()
    return float(loss.detach()), float(norm)


def _set_rates(
    optimizers: Sequence[Optimizer], schedule: ScheduleConfig, step: int, total: int
) -> None:
    now = rates(schedule, step, total)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * now.lr_scale


def _validation(work: Work, step: int, epoch: int, length: int) -> dict[str, Any]:
    training = work.model.training
    work.model.eval()
    with torch.no_grad():
        figures = work.validate(length)
    work.model.train(training)
    about = {"kind": "validation", "step": step, "epoch": epoch, "length": length}
    return {**about, **figures, "valid_loss": figures["loss"]}


def _curriculum(settings: Settings) -> CurriculumConfig:
    return CurriculumConfig.model_validate(options(settings, "training.curriculum"))
