"""Resume points: everything that the next step depends on, in one file of our own run folder.

Batches, dropout and learning rate are pure functions of (seed, epoch, index, step); so the state is
the weights, the optimisers' moments, the averaged weights, and a handful of plain values.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from partimento.core.errors import DataError, PartimentoError
from partimento.core.files import write_atomic
from partimento.training.curriculum import CurriculumState, StoppingState

FORMAT = 1
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass
class Progress:
    """Where a training stands.  ``index`` counts the steps done in the present epoch.

    ``sums`` and ``counts`` are the running totals behind the epoch's mean losses.
    """

    curriculum: CurriculumState
    stopping: StoppingState = field(default_factory=StoppingState)
    epoch: int = 0
    index: int = 0
    step: int = 0
    elapsed_sec: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    finished: str = ""

    def add(self, logs: dict[str, float]) -> None:
        """Add one step's losses to the epoch's totals."""
        for name, value in logs.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Mean of every logged loss over the epoch so far."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Progress:
        """The inverse of :meth:`as_dict`."""
        return cls(
            **{
                **values,
                "curriculum": CurriculumState(**values["curriculum"]),
                "stopping": StoppingState(**values["stopping"]),
            }
        )


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a resume point atomically: a crash or a full disk leaves the one before in place.

    It is serialised in memory first, because the archive writer hides the reason of a failed write.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    with full_disk_explained(path):
        write_atomic(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read a resume point; only tensors and plain values, nothing that could run code.

    Raises DataError when there is none or it cannot be read.
    """
    if not path.is_file():
        raise DataError(
            "there is no resume point here",
            where=str(path),
            fix="Train without --resume, or name the folder of a run that has begun",
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for a damaged file
        raise DataError(f"this resume point is damaged ({error})", where=str(path)) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DataError("this resume point has another format", where=str(path))
    return state


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Turn "no space left" into an error that says what is safe and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise PartimentoError(
            f"the disk is full ({error.strerror}); the last good checkpoint is kept",
            where=str(path),
            fix="Make room and go on with --resume",
        ) from error
