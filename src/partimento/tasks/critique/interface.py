"""What a critic is given and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """The files of a clip: its performance, and its score where there is one."""

    performance: Path
    score: Path | None = None
    score_midi: Path | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """Statistics of a clip as the critic reads them, with their names; NaN where not known.

    ``values`` (F,), or (M, F) for variants of a clip.
    """

    names: tuple[str, ...]
    values: np.ndarray
    score_match: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a critic says of a clip: scores (19,) in 0..1 and the bounds of their intervals (19,).

    ``coverage`` is the share of new clips whose true score the interval holds.  ``familiarity``:
    the similarity of the clip to the nearest the critic learnt from, 0 to 1.  ``abstained``: the
    dimensions it gives no score for, with the reason; their means are still filled in.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    coverage: float
    familiarity: float
    abstained: dict[str, str]


@runtime_checkable
class Critic(Protocol):
    """Any model that judges clips from statistics."""

    name: str

    @property
    def border(self) -> float:
        """Familiarity below which a work counts as unknown: ranked, not graded."""
        ...

    def features(self, clip: ClipFiles, *, guarded: bool = False) -> Features:
        """Statistics of a clip.  Raises InputFileError and MusicError for unusable files."""
        ...

    def without_bar(self, clip: ClipFiles, *, guarded: bool = False) -> tuple[Features, list[str]]:
        """Variants (M, F), each without the notes of one bar (or 2 s), and what was left out."""
        ...

    def predict(self, values_MF: np.ndarray) -> np.ndarray:
        """Scores (M, 19) of statistics in the order of :meth:`features`."""
        ...

    def judge(self, clips: Sequence[Features]) -> list[Verdict]:
        """Scores with intervals and what it abstains from."""
        ...

    def typical(self) -> tuple[np.ndarray, np.ndarray]:
        """Median (F,) of the statistics that it learnt from, and their spread (F,)."""
        ...

    def groups(self) -> dict[str, tuple[int, ...]]:
        """Statistics of one kind (tempo, loudness, pedal ...) by their places in ``values``."""
        ...

    def scores_of_learnt(self) -> np.ndarray:
        """Labels (N, 19) that it learnt from, for the place among other performances."""
        ...
