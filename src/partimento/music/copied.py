"""How much of a piece is copied: the longest run of notes that also stands in the training data.

Runs are counted in notes of the chord-collapsed line (:mod:`partimento.music.pitch_runs`), so
neither timing nor the order within a chord hides a copy; compared by intervals, neither does
transposition.  Runs of few different pitches (trills, repeated chords) are in all music and do
not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from partimento.music.events import TICKS_PER_SECOND, TickNotes
from partimento.music.pitch_runs import collapsed_order, pack_grams

SEED = 7
"""Symbols; shorter runs are not looked for: scales and arpeggios share that much everywhere."""
MIN_DISTINCT = 5
_CHUNK_PAIRS = 4_000_000
_BREAK = 200
"""A symbol between the pieces of an index that no pitch and no interval equals."""


@dataclass(frozen=True, slots=True)
class CopiedRun:
    """The longest run: its length in notes, its place here and there.

    ``start_sec`` and ``seconds`` are of the examined piece, ``source_sec`` where the run begins in
    ``source``; ``transposition`` in semitones from the source.  A piece without a run of
    :data:`SEED` symbols has ``length`` 0 and an empty source.
    """

    length: int
    distinct: int = 0
    start_sec: float = 0.0
    seconds: float = 0.0
    source: str = ""
    source_sec: float = 0.0
    transposition: int = 0


@dataclass(frozen=True)
class CopyIndex:
    """All places of all short runs of a collection, sorted; made by :func:`build_index`."""

    names: tuple[str, ...]
    transposed: bool
    symbols: np.ndarray
    """(S,) the pieces one after the other, with breaks between them."""
    pitch: np.ndarray
    onset: np.ndarray
    """(S,) tick of each symbol's first note."""
    owner: np.ndarray
    keys: np.ndarray
    """(K,) sorted seeds, and ``places`` (K,) where each begins."""
    places: np.ndarray


def build_index(pieces: Mapping[str, TickNotes], *, transposed: bool = False) -> CopyIndex:
    """Index of a collection; ``transposed`` compares intervals instead of pitches.

    Takes about 40 bytes a note.
    """
    lines = [_line(notes, transposed) for notes in pieces.values()]
    empty = np.zeros(0, np.int64)
    symbols = np.concatenate([empty, *(np.append(line, _BREAK) for line, _, _ in lines)])
    # With intervals the last note has no symbol of its own: its place is that of the break.
    pitch, onset = (
        np.concatenate([empty, *(np.append(part[k], 0)[: len(part[0]) + 1] for part in lines)])
        for k in (1, 2)
    )
    owner = np.repeat(np.arange(len(lines)), [len(line) + 1 for line, _, _ in lines])
    keys = pack_grams(symbols, SEED)
    order = np.argsort(keys, kind="stable")
    return CopyIndex(
        tuple(pieces),
        transposed,
        symbols.astype(np.int16),
        pitch.astype(np.int16),
        onset.astype(np.int32),
        owner.astype(np.int32),
        keys[order],
        order.astype(np.int32),
    )


def longest_copied_run(
    notes: TickNotes, index: CopyIndex, *, distinct: int = MIN_DISTINCT
) -> CopiedRun:
    """The longest run of ``notes`` with ``distinct`` different pitches that the index has too."""
    symbols, pitch, _ = _line(notes, index.transposed)
    line = np.append(symbols, _BREAK + 1)
    start, place = _run_starts(line, index)
    length = _extended(line, start, place, index)
    # One place is enough for each run; the longest come first.
    order = np.lexsort((start, -length))
    runs = np.stack([-length, start], axis=1)[order]
    new = np.flatnonzero((np.diff(runs, axis=0, prepend=runs[:1] - 1) != 0).any(axis=1))
    for k in order[new]:
        first, size = int(start[k]), int(length[k]) + int(index.transposed)
        kinds = len(np.unique(pitch[first : first + size]))
        if kinds >= distinct:
            return _run(notes, index, first, int(place[k]), size, kinds)
    return CopiedRun(0)


def _run_starts(line: np.ndarray, index: CopyIndex) -> tuple[np.ndarray, np.ndarray]:
    """Where in the line and in the index every common run begins."""
    wanted = pack_grams(line, SEED)
    low = np.searchsorted(index.keys, wanted, side="left")
    count = np.searchsorted(index.keys, wanted, side="right") - low
    before = np.append(_BREAK + 2, line)
    starts, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    cuts = np.searchsorted(np.cumsum(count), np.arange(0, count.sum(), _CHUNK_PAIRS), side="right")
    edges = np.unique(np.array([0, *cuts.tolist(), len(wanted)]))
    for begin, end in pairwise(edges.tolist()):
        some = count[begin:end]
        start = np.repeat(np.arange(begin, end), some)
        inside = np.arange(len(start)) - np.repeat(np.cumsum(some) - some, some)
        place = index.places[np.repeat(low[begin:end], some) + inside].astype(np.int64)
        # A pair whose symbols before agree too belongs to a run that began earlier.
        previous = np.where(place > 0, index.symbols[place - 1], _BREAK)
        fresh = previous != before[start]
        starts.append(start[fresh])
        places.append(place[fresh])
    return np.concatenate(starts), np.concatenate(places)


def _extended(
    line: np.ndarray, start: np.ndarray, place: np.ndarray, index: CopyIndex
) -> np.ndarray:
    """Symbols of each run from its start on; the breaks at both ends differ, so runs end there."""
    length = np.full(len(start), SEED, dtype=np.int64)
    going = np.arange(len(start))
    while len(going):
        here, there = start[going] + length[going], place[going] + length[going]
        going = going[line[here] == index.symbols[there]]
        length[going] += 1
    return length


def _run(
    notes: TickNotes, index: CopyIndex, first: int, place: int, size: int, kinds: int
) -> CopiedRun:
    order = collapsed_order(notes)
    ticks = notes.onset[order[first : first + size]]
    return CopiedRun(
        length=size,
        distinct=kinds,
        start_sec=float(ticks.min()) / TICKS_PER_SECOND,
        seconds=float(ticks.max() - ticks.min()) / TICKS_PER_SECOND,
        source=index.names[int(index.owner[place])],
        source_sec=float(index.onset[place]) / TICKS_PER_SECOND,
        transposition=int(notes.pitch[order[first]]) - int(index.pitch[place]),
    )


def _line(notes: TickNotes, transposed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols (N, or N - 1 intervals), and pitch and onset (N,) of the notes."""
    order = collapsed_order(notes)
    pitch, onset = notes.pitch[order].astype(np.int64), notes.onset[order].astype(np.int64)
    return (np.diff(pitch) if transposed else pitch), pitch, onset
