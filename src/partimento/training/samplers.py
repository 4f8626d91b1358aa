"""Random orders and cuts as pure functions of seed and epoch.

A sampler without state needs no checkpoint: its position is the pair (epoch, index).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np


def keyed_rng(seed: int, *keys: int | str) -> np.random.Generator:
    """A generator that depends on nothing but its arguments; texts name independent streams."""
    numbers = [zlib.crc32(k.encode()) if isinstance(k, str) else k for k in keys]
    return np.random.default_rng(np.random.SeedSequence([seed, *numbers]))


def epoch_windows(lengths: Sequence[int], window: int, rng: np.random.Generator) -> np.ndarray:
    """Cut pieces into windows that meet every frame once, from a random offset per piece.

    Returns ``(N, 2)`` rows of (piece, start) in random order; ``start`` may be negative, and
    windows may reach over an end: the reader pads.  The offset changes from epoch to epoch, so
    that no note always stands at the same place of a window.

    Raises ValueError for a window below 1.
    """
    if window < 1:
        raise ValueError(f"a window of {window} steps")
    rows = []
    for piece, length in enumerate(lengths):
        starts = np.arange(-int(rng.integers(window)), length, window)
        rows.append(np.stack([np.full(len(starts), piece), starts], axis=1))
    table = np.concatenate(rows) if rows else np.zeros((0, 2), dtype=np.int64)
    return table[rng.permutation(len(table))]
