"""The doctor's monitor beside a training: rows for its checks, and where a run broke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from partimento.doctor.monitor import Monitor
from partimento.training.task import Task
from partimento.training.writer import RunWriter


class StepWatch:
    """Watches each ``every``-th step of a task; 0 watches nothing and costs nothing."""

    def __init__(self, task: Task, writer: RunWriter, every: int) -> None:
        self._task, self._writer, self._every = task, writer, every
        self._monitor = Monitor(task.model, every=every)

    def begin(self, step: int) -> None:
        """Before the forward pass of a step."""
        self._monitor.before_step(step)

    def backward(self, loss: float, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """After the gradients are there, and before they are clipped."""
        self._monitor.after_backward(loss, optimizers)

    def end(self) -> None:
        """After the weights have moved."""
        self._writer.watch(self._monitor.after_step())

    def broke(self, step: int, loss: float, batch: Any) -> None:
        """The loss is no number: one more pass, watched; the run is over, so it changes nothing."""
        if not self._every:
            return
        if not self._monitor.recording:
            self._monitor.record(step)
            with torch.no_grad():
                self._task.training_loss(batch)
        self._writer.watch(self._monitor.broken_off(loss))
