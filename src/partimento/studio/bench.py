"""What a job finds on its bench: its files, its folder, a way to tell how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """``folder`` is empty at the start and all that is written there is kept.

    ``paths`` maps each file that the order names to where it lies; ``names`` to what the user
    calls it.  ``tell(done, total, label)`` reports progress, and raises when the job was cancelled.
    """

    folder: Path
    paths: Mapping[str, Path]
    names: Mapping[str, str]
    runs: Path
    tell: Progress

    def path(self, ref: str) -> Path:
        """Where a file lies.  Raises KeyError for one that the order does not name."""
        return self.paths[ref]

    def name(self, ref: str) -> str:
        """What the user calls a file."""
        return self.names[ref]
