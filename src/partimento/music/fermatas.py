"""Fermatas for grids that have none, taken over from richer encodings of the same chorales.

The canonical grids unfold repeats and have no fermatas.  The rich encoding has fermatas and points
to the canonical pieces, but does not unfold repeats, may be transposed and may differ in a few
notes.  So every frame of the grid looks for the place of the rich piece that sounds the same
around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW_FRAMES = 33
MIN_AGREEMENT = 0.8
_MAX_TRANSPOSITION = 6


def rich_grid(piece: Mapping[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Grid (T, 4) and fermata frames (T,) of a piece of the rich encoding.

    ``piece["voices"]`` has four lists (S, A, T, B) of ``[onset16, duration16, midi, fermata, tie,
    spelling]``.  The soprano's fermatas count.
    """
    n_frames = max((n[0] + n[1] for voice in piece["voices"] for n in voice), default=0)
    grid = np.full((n_frames, 4), -1, dtype=np.int64)
    fermata = np.zeros(n_frames, dtype=bool)
    for column, voice in enumerate(piece["voices"]):
        for onset, duration, midi, marked, *_ in voice:
            grid[onset : onset + duration, column] = midi
            if marked and column == 0:
                fermata[onset : onset + duration] = True
    return grid, fermata


def fermatas_for(
    grids: Sequence[NDArray[np.int64]], split: str, rich_pieces: Iterable[Mapping[str, Any]]
) -> list[NDArray[np.bool_] | None]:
    """Fermata frames of every canonical grid of ``split``; None where no rich piece fits.

    ``rich_pieces`` point to their grids by ``piece["jsb"] = [[split, index], ...]``.  Where
    several fit, the one that agrees best is taken.
    """
    best: list[tuple[float, NDArray[np.bool_] | None]] = [(MIN_AGREEMENT, None)] * len(grids)
    for piece in rich_pieces:
        source, fermata = rich_grid(piece)
        for name, index in piece["jsb"]:
            if name != split or not 0 <= index < len(grids):
                continue
            place, agreement = align(grids[index], source)
            score = float(agreement.mean())
            if score > best[index][0]:
                known = agreement >= MIN_AGREEMENT
                best[index] = (score, fermata[place] & known)
    return [mark for _, mark in best]


def align(
    grid: NDArray[np.int64], source: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For every frame of ``grid`` (T, 4) the frame of ``source`` (U, 4) that matches it best.

    Two frames match by the share of equal cells in the two seconds or so around them
    (``WINDOW_FRAMES``), under one transposition for the whole piece.  Returns frames (T,) and
    their agreement (T,) between 0 and 1.
    """
    shift = _transposition(grid, source)
    moved = np.where(source >= 0, source + shift, source)
    n, m = len(grid), len(moved)
    best, place = np.full(n, -1.0), np.zeros(n, dtype=np.int64)
    kernel = np.ones(WINDOW_FRAMES)
    for offset in range(-(m - 1), n):
        low, high = max(0, offset), min(n, m + offset)
        equal = (grid[low:high] == moved[low - offset : high - offset]).mean(axis=1)
        agreement = _smooth(equal, low, high, n, kernel)
        better = agreement > best[low:high]
        best[low:high] = np.where(better, agreement, best[low:high])
        frames = np.arange(low - offset, high - offset)
        place[low:high] = np.where(better, frames, place[low:high])
    return place, best


def _smooth(
    equal: NDArray[np.float64], low: int, high: int, n: int, kernel: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of ``equal`` in a window around each frame; only the edges of the grid shorten it."""
    half = len(kernel) // 2
    padded = np.concatenate([np.zeros(half), equal, np.zeros(half)])
    total = np.convolve(padded, kernel, mode="valid")
    frames = np.arange(low, high)
    width = np.minimum(frames + half, n - 1) - np.maximum(frames - half, 0) + 1
    result: NDArray[np.float64] = total / width
    return result


def _transposition(grid: NDArray[np.int64], source: NDArray[np.int64]) -> int:
    """Semitones to add to ``source`` so that the pitches of both are spread alike."""

    def histogram(cells: NDArray[np.int64]) -> NDArray[np.float64]:
        counts = np.stack([np.bincount(c[c >= 0], minlength=128)[:128] for c in cells.T])
        return np.asarray(counts / max(1, len(cells)), dtype=np.float64)

    mine, theirs = histogram(grid), histogram(source)
    shifts = range(-_MAX_TRANSPOSITION, _MAX_TRANSPOSITION + 1)
    return max(shifts, key=lambda s: (float((mine * np.roll(theirs, s, axis=1)).sum()), -abs(s)))
