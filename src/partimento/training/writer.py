"""What a training writes into its run folder; of several processes only the first one does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import MissingExtraError
from partimento.core.runs import RunFolder
from partimento.training.kept import keep_weights
from partimento.training.state import full_disk_explained, save_state
from partimento.training.task import Task


class RunWriter:
    """Rows, weights and resume points of one run; does nothing unless ``writes``.

    Raises MissingExtraError where ``tensorboard`` is asked for but not installed.
    """

    def __init__(self, run: RunFolder, writes: bool, *, tensorboard: bool = False) -> None:
        self.run, self.writes = run, writes
        self._events = _event_writer(run.path) if tensorboard and writes else None

    def log(self, row: Mapping[str, Any]) -> None:
        """One row of metrics, also for TensorBoard if that is on."""
        if not self.writes:
            return
        with full_disk_explained(self.run.metrics_path):
            self.run.log(row)
        if self._events is not None:
            for name, value in row.items():
                if isinstance(value, int | float | np.number):
                    self._events.add_scalar(f"{row['kind']}/{name}", value, row["step"])

    def watch(self, row: Mapping[str, Any] | None) -> None:
        """One row of the monitor, if there is one."""
        if self.writes and row is not None:
            with full_disk_explained(self.run.watch_path):
                self.run.log_watch(row)

    def rewind(self, step: int) -> None:
        """Forget rows after a step."""
        if self.writes:
            self.run.rewind_metrics("step", step)
            self.run.rewind_watch(step)

    def weights(self, name: str, task: Task, metrics: dict[str, float]) -> None:
        """The task's present weights as a file of this name."""
        self._weights(self.run.checkpoints / name, task, metrics)

    def numbered(self, step: int, count: int, task: Task, metrics: dict[str, float]) -> None:
        """The task's present weights under the number of the step; the last ``count`` are kept."""
        if self.writes:
            folder = self.run.checkpoints
            keep_weights(folder, step, count, lambda path: self._weights(path, task, metrics))

    def state(self, name: str, values: dict[str, Any]) -> None:
        """A resume point."""
        if self.writes:
            save_state(self.run.checkpoints / name, values)

    def _weights(self, path: Path, task: Task, metrics: dict[str, float]) -> None:
        if self.writes:
            with full_disk_explained(path):
                task.save_weights(path, metrics)


def _event_writer(folder: Path) -> Any:
    """A TensorBoard writer.

    Raises MissingExtraError when tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError(
            "TensorBoard events need the extra `tensorboard`",
            where="training.tensorboard",
            fix="pip install 'partimento[tensorboard]', or set it to false",
        ) from error
    return SummaryWriter(str(folder))
