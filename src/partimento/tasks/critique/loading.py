"""Critics by shipped name or path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from partimento.core.checkpoint import load_arrays, read_meta, resolve_weights
from partimento.core.errors import DataError

if TYPE_CHECKING:
    from partimento.tasks.critique.interface import Critic

DEFAULT_WEIGHTS = "critique-strong"


def load_critic(name_or_path: str | Path = DEFAULT_WEIGHTS) -> Critic:
    """The critic in a checkpoint.

    Raises DataError when the weights are of another task, and InputFileError for a bad file.
    """
    from partimento.tasks.critique.strong import StrongCritic

    path = resolve_weights(name_or_path)
    meta = read_meta(path)
    if meta.model_class.rpartition(":")[2] != "StrongCritic":
        raise DataError(
            f"these weights are of {meta.model_class}, which judges no performance by itself",
            where=str(path),
            fix="Use critique-strong, or weights of recipes/critique/strong.yaml",
        )
    return StrongCritic.restored(meta.card.name, load_arrays(path)[0])
