"""Dynamic time warping of played pitches against chords of a score, over whole diagonals.

The cost of a pair is 0 where the chord holds the pitch and 1 elsewhere (Peter, "Online symbolic
music alignment with offline reinforcement learning", ISMIR 2023, uses it in the dual-DTW note
matcher of parangonar).  parangonar walks cell by cell; here a diagonal is one step, which makes
whole movements possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from partimento.core.errors import MusicError

MAX_CELLS = 40_000_000
"""Played notes times onsets of the score: 160 MB of accumulated costs."""


class OnsetWarping:
    """Stands in for ``parangonar.dp.DTWSL`` with its default metric: same costs, same path."""

    def __call__(
        self, pitches: np.ndarray, chords: Sequence[set[Any]], return_path: bool = True
    ) -> tuple[float, np.ndarray]:
        """Distance and path (steps, 2) of indices into ``pitches`` (M,) and ``chords`` (N).

        Chords are sets of MIDI pitches as Python or NumPy integers.

        Raises MusicError when the table would have more than :data:`MAX_CELLS` cells.
        """
        rows, columns = len(pitches), len(chords)
        if rows * columns > MAX_CELLS:
            raise MusicError(
                "the performance and the score are too long to be aligned in one piece",
                fix="Cut both at the same bars and give the parts",
            )
        cost = _cost(np.asarray(pitches, dtype=np.int64), chords)
        total = _accumulate(cost)
        return float(total[-1, -1]), _path(total)


def _cost(pitches: np.ndarray, chords: Sequence[set[Any]]) -> np.ndarray:
    """(M, N) int8: 1 where the chord lacks the pitch."""
    lacks = np.ones((128, len(chords)), dtype=np.int8)
    for place, chord in enumerate(chords):
        lacks[[int(pitch) for pitch in chord], place] = 0
    return lacks[pitches]


def _accumulate(cost: np.ndarray) -> np.ndarray:
    """(M, N) int32 accumulated costs; cells of one anti-diagonal depend only on the two before."""
    rows, columns = cost.shape
    wide = columns + 1
    far = np.int32(2**30)
    total = np.full((rows + 1, wide), far, dtype=np.int32)
    total[0, 0] = 0
    flat = total.ravel()
    cells = cost.ravel()
    for diagonal in range(2, rows + columns + 1):
        low = max(1, diagonal - columns)
        high = min(rows, diagonal - 1)
        count = high - low + 1
        # Stepping one row down and one column left is wide - 1 cells in the flat table.
        here = low * wide + (diagonal - low)
        steps = slice(here, here + (count - 1) * (wide - 1) + 1, max(wide - 1, 1))
        above, left = _moved(steps, -wide), _moved(steps, -1)
        corner = _moved(steps, -wide - 1)
        best = np.minimum(np.minimum(flat[above], flat[left]), flat[corner])
        first = (low - 1) * columns + (diagonal - low - 1)
        own = slice(first, first + (count - 1) * (columns - 1) + 1, max(columns - 1, 1))
        flat[steps] = best + cells[own]
    return total[1:, 1:]


def _moved(steps: slice, by: int) -> slice:
    return slice(steps.start + by, steps.stop + by, steps.step)


def _path(total: np.ndarray) -> np.ndarray:
    """Back from the last cell; of equal ways the diagonal, then the one to the note before."""
    row, column = total.shape[0] - 1, total.shape[1] - 1
    path = [(row, column)]
    while row or column:
        if row == 0:
            column -= 1
        elif column == 0:
            row -= 1
        else:
            corner, above, left = (
                total[row - 1, column - 1],
                total[row - 1, column],
                total[row, column - 1],
            )
            if corner <= above and corner <= left:
                row, column = row - 1, column - 1
            elif above <= left:
                row -= 1
            else:
                column -= 1
        path.append((row, column))
    return np.array(path[::-1], dtype=np.int64)
