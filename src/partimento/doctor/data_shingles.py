"""Near copies in another key: short runs of intervals and lengths that two pieces share.

A piece is the set of its shingles, runs of :data:`GRAM` notes as intervals (and, on a grid, as
lengths); transposing it changes none.  How much of a piece stands in another one is the share of
its shingles that do (containment; Broder 1997).  What stands in many pieces is idiom and no copy,
and is left out.

Shape suffixes: T steps, C channels, S shingles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

GRAM = 7
"""Notes after the first in a shingle."""
IDIOM_SHARE, IDIOM_PIECES = 0.05, 10
"""A shingle in more than this share of the pieces, and in more than so many, is idiom."""
LEAST = 40
"""Shingles besides idioms that must be shared: fewer are alike by chance in simple material.

Fixed on the made chorales of the fault suite, seeds 100-109 (20 shingles a piece).
"""
COPY = 0.5
"""Containment from which a piece counts as a near copy."""
_BASE = np.uint64(0x9E3779B97F4A7C15)
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class NearCopy:
    """A held-out example of which much stands in one training example."""

    held_out: int
    training: int
    containment: float


def shingles(row: np.ndarray, pitch_tokens: tuple[int, int]) -> np.ndarray:
    """Different shingles (S,) uint64 of token rows (T,) or (T, C), sorted.

    Rows (T, C) are frames: equal pitches that follow each other are one note with a length.  In
    rows (T,) every pitch token is a note, and what stands between is passed over.
    Raises ValueError for more axes.
    """
    tokens = np.asarray(row)
    if tokens.ndim == 1:
        return np.unique(_hashes(_line(tokens, pitch_tokens), 0))
    if tokens.ndim != 2:
        raise ValueError(f"token rows are (T,) or (T, C), not {tokens.shape}")
    channels = [_voice(tokens[:, c], pitch_tokens) for c in range(tokens.shape[1])]
    return np.unique(np.concatenate([_hashes(one, c + 1) for c, one in enumerate(channels)]))


def _line(tokens: np.ndarray, pitch_tokens: tuple[int, int]) -> np.ndarray:
    pitch = tokens[(tokens >= pitch_tokens[0]) & (tokens <= pitch_tokens[1])].astype(np.int64)
    return np.diff(pitch) + 1024


def _voice(tokens: np.ndarray, pitch_tokens: tuple[int, int]) -> np.ndarray:
    """Intervals and lengths of the notes of one channel, as one symbol each."""
    starts = np.flatnonzero(np.diff(tokens.astype(np.int64), prepend=-(10**9)))
    pitch = tokens[starts].astype(np.int64)
    length = np.diff(np.append(starts, len(tokens)))
    sounds = (pitch >= pitch_tokens[0]) & (pitch <= pitch_tokens[1])
    pitch, length = pitch[sounds], length[sounds]
    return (np.diff(pitch) + 1024) * 4096 + np.minimum(length[:-1], 4095)


def _hashes(symbols: np.ndarray, channel: int) -> np.ndarray:
    """Polynomial hashes of all runs of GRAM symbols."""
    count = max(0, len(symbols) - GRAM + 1)
    found = np.full(count, channel, dtype=np.uint64)
    for k in range(GRAM):
        found = found * _BASE + symbols[k : k + count].astype(np.uint64)
        found ^= found >> np.uint64(29)
    return found


def near_copies(
    sets: Sequence[np.ndarray], held_out: np.ndarray, training: np.ndarray, least: float = COPY
) -> tuple[list[NearCopy], int]:
    """Held-out examples near-copied in training, the surest first; and how many were judged.

    ``sets``: shingles of every example; ``held_out``, ``training``: their places.
    """
    table = _table(sets)
    kept = np.asarray(table.sum(axis=1)).ravel()
    whole = np.array([len(one) for one in sets])
    judged = held_out[(kept[held_out] >= LEAST) & (2 * kept[held_out] >= whole[held_out])]
    if not len(judged) or not len(training):
        return [], 0
    others = table[training].T.tocsr()
    found = []
    for start in range(0, len(judged), _BLOCK):
        places = judged[start : start + _BLOCK]
        shared = (table[places] @ others).tocsr()
        for row, place in enumerate(places.tolist()):
            counts = shared.data[shared.indptr[row] : shared.indptr[row + 1]]
            if not len(counts):
                continue
            best = int(counts.argmax())
            share = float(counts[best] / kept[place])
            if share >= least and counts[best] >= LEAST:
                other = int(training[shared.indices[shared.indptr[row] + best]])
                found.append(NearCopy(place, other, share))
    return sorted(found, key=lambda one: (-one.containment, one.held_out)), len(judged)


def _table(sets: Sequence[np.ndarray]) -> csr_matrix:
    """Which example has which shingle, idioms left out."""
    grams = np.concatenate([np.zeros(0, np.uint64), *sets])
    owner = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    numbers, place = np.unique(grams, return_inverse=True)
    idiom = np.bincount(place, minlength=len(numbers)) > max(IDIOM_PIECES, IDIOM_SHARE * len(sets))
    kept = ~idiom[place]
    cells = (np.ones(int(kept.sum()), dtype=np.int32), (owner[kept], place[kept]))
    return csr_matrix(cells, shape=(len(sets), max(1, len(numbers))))
