"""A performance as one line of pitches in which the order within a chord does not count.

Two pianists never strike the notes of a chord in the same order.  Notes whose onsets follow each
other within 35 ms are therefore taken as one chord and written from low to high.  What remains is
a sequence of pitches that performances of one work share over long stretches; its n-grams tell
works apart (:mod:`partimento.music.leaks`) and find copies (:mod:`partimento.music.copied`).
"""

from __future__ import annotations

import numpy as np

from partimento.music.events import TICKS_PER_SECOND, TickNotes

CHORD_SEC = 0.035
"""Largest step between the onsets of one chord; steps add up, so a rolled chord stays together."""
LONGEST_GRAM = 7
"""n-grams are packed into 63 bits without loss: 9 bits a symbol."""
_SYMBOL_BITS = 9


def chord_numbers(onset: np.ndarray) -> np.ndarray:
    """Number (N,) of the chord that each note belongs to; ``onset`` in ticks, sorted."""
    steps = np.diff(onset, prepend=onset[:1])
    return np.cumsum(steps > CHORD_SEC * TICKS_PER_SECOND)


def collapsed_order(notes: TickNotes) -> np.ndarray:
    """Indices (N,) of the notes, chord after chord, from low to high within a chord."""
    return np.lexsort((notes.pitch, chord_numbers(notes.onset)))


def collapsed_pitches(notes: TickNotes) -> np.ndarray:
    """The line of pitches (N,) int64."""
    return notes.pitch[collapsed_order(notes)].astype(np.int64)


def pack_grams(symbols: np.ndarray, n: int) -> np.ndarray:
    """Every n-gram (L - n + 1,) of symbols in -256..255 as one int64, without collisions.

    Raises ValueError for an ``n`` that does not fit into 63 bits.
    """
    if not 1 <= n <= LONGEST_GRAM:
        raise ValueError(f"n-grams have 1 to {LONGEST_GRAM} symbols, not {n}")
    count = max(0, len(symbols) - n + 1)
    packed = np.zeros(count, dtype=np.int64)
    for k in range(n):
        packed = (packed << _SYMBOL_BITS) | (symbols[k : k + count].astype(np.int64) + 256)
    return packed
