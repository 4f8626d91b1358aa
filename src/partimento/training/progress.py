"""The progress line on the terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from partimento.training.state import Progress as TrainingProgress


class ProgressLine:
    """One line: epoch, step, length, losses, time gone and time left.  Silent when ``quiet``.

    ``steps`` of the bar are those of the present epoch.  Nothing is drawn into a pipe or file.
    """

    def __init__(self, *, quiet: bool | None = None, monitor: str = "") -> None:
        self.quiet = not sys.stderr.isatty() if quiet is None else quiet
        self.monitor = monitor
        self._best = ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[losses]}"),
            console=Console(stderr=True),
            disable=self.quiet,
            transient=False,
            refresh_per_second=4,
        )
        self._row = self._bar.add_task("train", total=None, left="", losses="")

    def __enter__(self) -> ProgressLine:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def start_epoch(self, steps: int) -> None:
        """A new bar of ``steps`` steps."""
        if not self.quiet:
            self._bar.update(self._row, total=steps, completed=0)

    def step(self, progress: TrainingProgress, loss: float | None, left_sec: float | None) -> None:
        """Show a finished step."""
        if self.quiet:
            return
        shown = f"loss {loss:.3f} " if loss is not None else ""
        self._bar.update(
            self._row,
            completed=progress.index,
            description=f"epoch {progress.epoch} length {progress.curriculum.length}",
            left=f"left {clock(left_sec)}" if left_sec is not None else "",
            losses=shown + self._best,
        )

    def epoch(self, progress: TrainingProgress, row: dict[str, Any]) -> None:
        """Show a finished epoch."""
        if self.monitor in row:
            best = progress.best.get(self.monitor, row[self.monitor])
            self._best = f"valid {row[self.monitor]:.3f} best {best:.3f}"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> clock(3725)
    '1:02:05'
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
