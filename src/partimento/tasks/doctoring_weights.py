"""Which task some weights belong to, from their card alone."""

from __future__ import annotations

from pathlib import Path

from partimento.core.checkpoint import read_meta, resolve_weights
from partimento.core.errors import DataError
from partimento.tasks import TASKS


def task_of(weights: str | Path) -> str:
    """The slice that the weights name on their card, or else by the module of their class.

    Raises DataError for weights of no task that there is, InputFileError for a bad file.
    """
    path = resolve_weights(weights)
    meta = read_meta(path)
    parts = meta.model_class.split(".")
    for name in (meta.card.task, *parts):
        if name in TASKS:
            return name
    raise DataError(
        f"these weights are of {meta.card.task or 'no task'}, which is none of {', '.join(TASKS)}",
        where=str(path),
    )
