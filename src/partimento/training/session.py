"""What happens around the steps: logs, validation, checkpoints, stopping.  Knows no Lightning."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from partimento.core.errors import PartimentoError
from partimento.core.runs import RunFolder
from partimento.training.config import UNTIMED, TrainingConfig
from partimento.training.curriculum import Curriculum
from partimento.training.distributed import World
from partimento.training.optim import AveragedWeights, component_gradient_norms
from partimento.training.progress import ProgressLine
from partimento.training.samplers import keyed_rng
from partimento.training.schedule import StepRates, rates
from partimento.training.state import Progress, load_state
from partimento.training.task import Task
from partimento.training.watching import StepWatch
from partimento.training.writer import RunWriter

STATE_FILE = "last.pt"
LAST_WEIGHTS = "last.safetensors"
BEST_WEIGHTS = "best.safetensors"
STOPS = ("", "max_epochs", "patience", "max_steps", "time_limit", "interrupted")
"""Reasons to stop; where several processes disagree, the later one here counts."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a training ended.

    ``reason`` is ``max_epochs``, ``max_steps``, ``patience``, ``time_limit`` or ``interrupted``;
    ``best`` and ``last`` are validation metrics (empty when never measured).
    """

    reason: str
    epochs: int
    steps: int
    seconds: float
    best: dict[str, float]
    last: dict[str, float]
    best_weights: Path | None
    last_weights: Path


@dataclass(frozen=True, slots=True)
class WorkItem:
    """The batches of one optimiser step, with the place they belong to.

    ``share`` is the weight of each in the step, which other processes may take part in.
    """

    epoch: int
    index: int
    batches: list[Any]
    share: float = 1.0


class FitSession:
    """One invocation of a training: a task, its configuration, its run folder and its progress."""

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        run: RunFolder,
        *,
        time_limit_sec: float | None = None,
        line: ProgressLine | None = None,
        world: World | None = None,
    ) -> None:
        self.task, self.config, self.run = task, config, run
        self.world = world or World()
        self.curriculum = Curriculum(config.curriculum, task.full_length)
        self.progress = Progress(self.curriculum.start())
        self.optimizers: list[torch.optim.Optimizer] = []
        self.averaged: AveragedWeights | None = None
        self.time_limit_sec, self.line = time_limit_sec, line or ProgressLine(quiet=True)
        self.stop_reason, self.ending = "", False
        self.last_metrics: dict[str, float] = {}
        self._validated_step = -1
        self._started = time.monotonic()
        self._elapsed_before = 0.0
        self._state: dict[str, Any] | None = None
        self._writer = RunWriter(run, self.world.first, tensorboard=config.tensorboard)
        # One process watches: the gradients are those of all of them.
        self._watch = StepWatch(task, self._writer, config.watch_every * self.world.first)

    # -- beginning -------------------------------------------------------------------------

    def restore(self) -> None:
        """Take up the last resume point; the optimisers follow in :meth:`attach`.

        Raises DataError when there is none, or when it is of another network.
        """
        path = self.run.checkpoints / STATE_FILE
        self._state = load_state(path)
        self.progress = Progress.from_dict(self._state["progress"])
        self._elapsed_before = self.progress.elapsed_sec
        try:
            self.task.model.load_state_dict(self._state["model"])
        except RuntimeError as error:
            raise PartimentoError(
                "the resume point belongs to another network",
                where=str(path),
                fix="Resume with the configuration that the run was started with",
            ) from error
        self._writer.rewind(self.progress.step)

    def attach(self) -> list[torch.optim.Optimizer]:
        """Build the optimisers and averages; call when the model is on its device."""
        self.optimizers = self.task.optimizers()
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])
        if self.config.ema:
            self.averaged = AveragedWeights(self.task.model, self.config.ema)
        if self._state is not None:
            for optimizer, state in zip(self.optimizers, self._state["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            if self.averaged is not None:
                self.averaged.load_state_dict(self._state["averaged"])
            self._state = None
        return self.optimizers

    def already_done(self) -> str:
        """Why nothing is left to do, or the empty text."""
        progress, config = self.progress, self.config
        if progress.stopping.exhausted(config.patience):
            return "patience"
        if config.max_steps is not None and progress.step >= config.max_steps:
            return "max_steps"
        return "max_epochs" if progress.epoch >= config.max_epochs else ""

    # -- steps -----------------------------------------------------------------------------

    @property
    def length(self) -> int:
        """Present training length."""
        return self.progress.curriculum.length

    def steps_in_epoch(self) -> int:
        """Optimiser steps of the present epoch."""
        batches = self.task.batches(self.progress.epoch, self.length)
        if batches < 1:
            raise PartimentoError("there is nothing to train on: the data give no batch")
        return math.ceil(batches / self._step_batches)

    @property
    def _step_batches(self) -> int:
        """Batches of one step, of all processes together."""
        return self.config.accumulate * self.world.size

    def work(self) -> Iterator[WorkItem]:
        """The rest of the present epoch."""
        epoch, length = self.progress.epoch, self.length
        count = self.task.batches(epoch, length)
        for index in range(self.progress.index, self.steps_in_epoch()):
            first = index * self._step_batches
            numbers = range(first, min(first + self._step_batches, count))
            mine = [self._batch(epoch, n, length) for n in self.world.mine(numbers)]
            yield WorkItem(epoch, index, mine, 1.0 / len(numbers))

    def _batch(self, epoch: int, number: int, length: int) -> Any:
        rng = keyed_rng(self.config.seed, "batch", epoch, number)
        return self.task.batch(epoch, number, length, rng)

    def begin_step(self, item: WorkItem) -> StepRates:
        """Seed the step and set its rates."""
        if (item.epoch, item.index) != (self.progress.epoch, self.progress.index):
            raise RuntimeError("the loop handed out a batch of another step")
        # Dropout depends on step and process alone, so there is no generator state to save.
        other = () if self.world.first else (self.world.rank,)
        rng = keyed_rng(self.config.seed, "step", self.progress.step, *other)
        torch.manual_seed(int(rng.integers(2**62)))
        now = rates(self.config.schedule, self.progress.step, self.total_steps())
        for group in self._groups():
            group["lr"] = group["initial_lr"] * now.lr_scale
            if now.beta1 is not None and "betas" in group:
                group["betas"] = (now.beta1, group["betas"][1])
        self._watch.begin(self.progress.step)
        return now

    def total_steps(self) -> int | None:
        """Steps that the schedule stretches over; None where its shape needs none."""
        config = self.config
        if config.schedule.kind in UNTIMED:
            return None
        given = config.schedule.total_steps or config.max_steps
        return given or config.max_epochs * self.steps_in_epoch()

    def collect_gradients(self, loss: float) -> float:
        """Add up those of all processes, clip to the configured norm; returns the norm before.

        ``loss`` is for the monitor, which sees the gradients before they are clipped.
        """
        self.world.add_gradients(self.task.model.parameters())
        self._watch.backward(loss, self.optimizers)
        limit = self.config.clip or math.inf
        return float(torch.nn.utils.clip_grad_norm_(self.task.model.parameters(), limit))

    def end_step(self, logs: dict[str, float], gradient_norm: float) -> None:
        """Count and log a finished step (gradients still in place), and decide about a stop."""
        self._watch.end()
        progress = self.progress
        progress.index += 1
        progress.step += 1
        progress.add(logs)
        if self.averaged is not None:
            self.averaged.update()
        if progress.step % self.config.log_every == 0 or progress.step == 1:
            self._log_step(logs, gradient_norm)
        left = _time_left(progress, self.config, self.steps_in_epoch(), self._elapsed())
        if self.time_limit_sec is not None:
            left = min(left, self.time_limit_sec - self._seconds())
        self.line.step(progress, logs.get("loss"), max(0.0, left))
        if self.config.max_steps is not None and progress.step >= self.config.max_steps:
            self.stop_reason = self.stop_reason or "max_steps"
        if self.time_limit_sec is not None and self._seconds() >= self.time_limit_sec:
            self.stop_reason = self.stop_reason or "time_limit"
        self._agree()
        if self.config.validate_steps and progress.step % self.config.validate_steps == 0:
            self._log_validation()
        within = progress.index < self.steps_in_epoch()
        if within and progress.step % self.config.checkpoint_every == 0:
            self.save()

    def check_finite(self, loss: Tensor, batch: Any) -> float:
        """The loss as a number.

        Raises PartimentoError when it is NaN or infinite: going on would spoil the weights.  The
        monitor's last row then says where it broke.
        """
        value, step = float(loss.detach()), self.progress.step
        if not math.isfinite(value):
            row = {"kind": "stop", "step": step, "epoch": self.progress.epoch, "loss": value}
            self._writer.log({**row, "reason": "not_finite"})
            self._watch.broke(step, value, batch)
        return _finite(value, "loss", step, self.run)

    def _log_validation(self) -> None:
        """Validate in mid-epoch, with a row of its own."""
        progress = self.progress
        row = {"kind": "validation", "step": progress.step, "epoch": progress.epoch}
        self._writer.log({**row, **self.validate(), "elapsed_sec": round(self._elapsed(), 3)})

    def _log_step(self, logs: dict[str, float], gradient_norm: float) -> None:
        progress, rate = self.progress, self.optimizers[0].param_groups[0]["lr"]
        place = {"step": progress.step, "epoch": progress.epoch, "length": self.length}
        norms = component_gradient_norms(self.task.model)
        parts = {f"gradient_norm/{name}": value for name, value in norms.items()}
        row = {"kind": "train", **place, **logs, "lr": rate, "gradient_norm": gradient_norm}
        self._writer.log({**row, **parts, "elapsed_sec": round(self._elapsed(), 3)})

    # -- epochs ----------------------------------------------------------------------------

    def end_epoch(self) -> None:
        """Validate, move the state machines on, log, save; or only save in mid-epoch."""
        if self.progress.index < self.steps_in_epoch():
            self.save()
            return
        progress, config = self.progress, self.config
        every = config.validate_every
        row: dict[str, Any] = {"kind": "epoch", "step": progress.step, "epoch": progress.epoch}
        row |= {"length": self.length, "stage": progress.curriculum.stage}
        row |= {f"train_{name}": value for name, value in progress.means().items()}
        loss = None
        due = progress.epoch + 1 >= config.max_epochs or (progress.epoch + 1) % every == 0
        if due and config.validate_steps is None:
            row |= self.validate()
            loss = self.last_metrics[self.task.monitor]
            progress.stopping = progress.stopping.step(
                progress.epoch, loss, every, config.min_improvement
            )
        progress.curriculum = self.curriculum.step(progress.curriculum, progress.epoch, loss)
        progress.epoch, progress.index = progress.epoch + 1, 0
        progress.sums, progress.counts = {}, {}
        event = progress.curriculum.last_event
        self._writer.log({**row, "curriculum": event, "elapsed_sec": round(self._elapsed(), 3)})
        self.line.epoch(progress, row)
        self.save()
        self.stop_reason = self.already_done() or self.stop_reason
        self._agree()

    def validate(self) -> dict[str, float]:
        """Measure with the averaged weights if there are any, and keep the best weights."""
        with self._shipping_weights():
            metrics = self.world.of_first(self.task.validate(), self._device)
            self.task.model.train()
            step = self.progress.step
            _finite(metrics[self.task.monitor], "validation loss", step, self.run)
            self.last_metrics, self._validated_step = metrics, self.progress.step
            best = self.progress.best.get(self.task.monitor, math.inf)
            if metrics[self.task.monitor] < best:
                self._writer.weights(BEST_WEIGHTS, self.task, metrics)
                self.progress.best = {**metrics, "epoch": self.progress.epoch}
            self._writer.numbered(self.progress.step, self.config.keep_last, self.task, metrics)
        return metrics

    # -- ending ----------------------------------------------------------------------------

    def finish(self) -> FitResult:
        """Measure the last weights unless just done or interrupted, write them, and sum up."""
        progress = self.progress
        if self.stop_reason != "interrupted" and self._validated_step != progress.step:
            self.validate()
        self.save()
        with self._shipping_weights():
            self._writer.weights(LAST_WEIGHTS, self.task, self.last_metrics)
        row: dict[str, Any] = {"kind": "stop", "step": progress.step, "epoch": progress.epoch}
        row |= {"reason": self.stop_reason, **self.last_metrics}
        self._writer.log({**row, "elapsed_sec": round(self._elapsed(), 3)})
        best_path = self.run.checkpoints / BEST_WEIGHTS
        return FitResult(
            reason=self.stop_reason,
            epochs=progress.epoch,
            steps=progress.step,
            seconds=self._elapsed(),
            best=progress.best,
            last=self.last_metrics,
            best_weights=best_path if best_path.is_file() else None,
            last_weights=self.run.checkpoints / LAST_WEIGHTS,
        )

    def save(self) -> None:
        """Write the resume point."""
        self.progress.elapsed_sec = self._elapsed()
        averaged = self.averaged.state_dict() if self.averaged is not None else None
        state = {
            "progress": self.progress.as_dict(),
            "model": self.task.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "averaged": averaged,
        }
        self._writer.state(STATE_FILE, state)

    # -- small helpers ---------------------------------------------------------------------

    def _shipping_weights(self) -> Any:
        return self.averaged.applied() if self.averaged is not None else nullcontext()

    @property
    def _device(self) -> torch.device:
        return next(self.task.model.parameters()).device

    def _agree(self) -> None:
        """Stop where any process wants to: all of them, after the same step."""
        agreed = self.world.highest(STOPS.index(self.stop_reason), self._device)
        self.stop_reason, self.ending = STOPS[agreed], agreed > 0

    def _groups(self) -> Sequence[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _seconds(self) -> float:
        """Seconds of this invocation."""
        return time.monotonic() - self._started

    def _elapsed(self) -> float:
        """Seconds of all invocations together."""
        return self._elapsed_before + self._seconds()


def _finite(value: float, what: str, step: int, run: RunFolder) -> float:
    """The value.  Raises PartimentoError when it is none: going on would spoil the weights."""
    if not math.isfinite(value):
        raise PartimentoError(
            f"the {what} became {value} at step {step}",
            where=str(run.path),
            fix="Lower optimizer.lr or clip; the last good checkpoint is kept",
        )
    return value


def _time_left(
    progress: Progress, config: TrainingConfig, steps_in_epoch: int, elapsed: float
) -> float:
    """Seconds until the last epoch or step, whichever is nearer, at the pace so far."""
    done = progress.epoch + progress.index / steps_in_epoch
    left = [math.inf] if done <= 0 else [elapsed / done * (config.max_epochs - done)]
    if config.max_steps is not None:
        left.append(elapsed / progress.step * (config.max_steps - progress.step))
    return min(left)
