"""The rows of a small training as they come, so that a page can draw the curve while it grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from partimento.core.runs import RunFolder
from partimento.selftest.loop import Listener, heard_by

ROWS = "metrics.jsonl"
"""File of the rows in the job's folder; each row says which run it belongs to."""


def live_rows(
    folder: Path, run: str, stepped: Callable[[int, int], None]
) -> AbstractContextManager[None]:
    """While this lasts, a watched small training writes its rows into ``folder``.

    ``run`` names the run in each row.  ``stepped(done, total)`` is called after each step, and may
    raise to end the training.  Runs that a task makes for comparison write nothing.
    """
    kept = RunFolder(folder)

    def write(row: Mapping[str, Any]) -> None:
        kept.log({"run": run, **row})

    return heard_by(Listener(write, stepped))
