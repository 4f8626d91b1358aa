"""Loops in token rows, and runs copied from other rows.   (R12, R13)

Rows are (T,) tokens or (T, C) channels; a step is a whole row of channels.

Shape suffixes: T steps, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONGEST_PERIOD = 64
"""Steps of the longest loop that is looked for."""
CYCLES = 4
"""Times that a block stands one after the other before it counts as a loop."""


def symbols(rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each row as (T,) numbers: equal numbers are equal steps, in all rows alike.

    Raises ValueError where the rows differ in their channels or have none.
    """
    if not len(rows):
        return []
    tables = [np.asarray(row) for row in rows]
    tables = [one[:, None] if one.ndim == 1 else one.reshape(len(one), -1) for one in tables]
    if len({one.shape[1] for one in tables}) != 1:
        raise ValueError("rows of tokens have the same channels")
    whole = np.concatenate(tables).astype(np.int64)
    _, numbers = np.unique(whole, axis=0, return_inverse=True)
    edges = np.cumsum([len(one) for one in tables])[:-1]
    return list(np.split(np.asarray(numbers).reshape(-1), edges))


def without_holds(row_T: np.ndarray) -> np.ndarray:
    """The row with every immediate repetition left out: a held chord is one symbol."""
    return row_T[np.flatnonzero(np.diff(row_T, prepend=row_T[0] - 1))] if len(row_T) else row_T


def loop_share(row_T: np.ndarray) -> float:
    """Share of the steps that lie in a block repeated at least :data:`CYCLES` times in a row."""
    inside = np.zeros(len(row_T), dtype=bool)
    for period in range(1, min(LONGEST_PERIOD, len(row_T) // CYCLES) + 1):
        same = row_T[period:] == row_T[:-period]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start >= (CYCLES - 1) * period:
                inside[start : end + period] = True
    return float(inside.mean()) if len(row_T) else 0.0


class RunIndex:
    """All runs of a set of rows, by length, made when first asked for."""

    def __init__(self, rows: Sequence[np.ndarray]) -> None:
        self.rows = list(rows)
        self._known: dict[int, set[bytes]] = {}

    def longest(self, row_T: np.ndarray) -> int:
        """Length of the longest run of ``row_T`` that stands in any row; 0 without one.

        A run of a length holds runs of every shorter one, so the length is found by halving.
        """
        low, high = 0, min(len(row_T), max((len(row) for row in self.rows), default=0))
        while low < high:
            middle = (low + high + 1) // 2
            if self._shares(row_T, middle):
                low = middle
            else:
                high = middle - 1
        return low

    def _shares(self, row_T: np.ndarray, length: int) -> bool:
        if length not in self._known:
            self._known[length] = {run for row in self.rows for run in runs(row, length)}
        known = self._known[length]
        return any(run in known for run in runs(row_T, length))


def runs(row_T: np.ndarray, length: int) -> list[bytes]:
    """Every run of a length, as bytes that are equal where the runs are."""
    data = np.ascontiguousarray(row_T, dtype=np.int32).tobytes()
    return [data[4 * i : 4 * (i + length)] for i in range(len(row_T) - length + 1)]


def windows(
    rows: Sequence[np.ndarray], length: int, most: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """At most so many cuts of a length, spread over all rows that are long enough."""
    long = [row for row in rows if len(row) >= length]
    if not long:
        return []
    room = np.array([len(row) - length + 1 for row in long])
    places = rng.choice(int(room.sum()), min(most, int(room.sum())), replace=False)
    edges = np.cumsum(room)
    owner = np.searchsorted(edges, places, side="right")
    starts = places - (edges - room)[owner]
    return [long[o][s : s + length] for o, s in zip(owner, starts, strict=True)]
