"""Chord classes of up to four sounding pitches, by pitch classes only (no spelling needed).

The tables are indexed by a *mask*: bit ``k`` is set when pitch class ``k`` sounds (C = 0).

======================  ==========================================================================
``TRIAD``               major, minor, diminished or augmented, all three members
``OPEN_TRIAD``          root and third of a major or minor triad, fifth left out
``SEVENTH``             all four members of a dominant, major, minor, half-diminished or
                        diminished seventh chord
``OPEN_SEVENTH``        one of those without its fifth
``BARE``                a single pitch class, or a bare fifth
``OTHER``               anything else (suspensions, passing notes, added notes)
``SILENT``              nothing sounds
======================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class ChordClass(IntEnum):
    """What kind of chord a set of pitch classes is."""

    SILENT = 0
    TRIAD = 1
    OPEN_TRIAD = 2
    SEVENTH = 3
    OPEN_SEVENTH = 4
    BARE = 5
    OTHER = 6


class Chord(NamedTuple):
    """Class, root pitch class (-1: none) and members above the root in semitones."""

    kind: ChordClass
    root: int
    shape: tuple[int, ...]


TRIADS = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8))
SEVENTHS = ((0, 4, 7, 10), (0, 4, 7, 11), (0, 3, 7, 10), (0, 3, 6, 10), (0, 3, 6, 9))

# In order of preference: a set that two readings fit takes the first.
_SHAPES: tuple[tuple[ChordClass, tuple[tuple[int, ...], ...]], ...] = (
    (ChordClass.TRIAD, TRIADS),
    (ChordClass.SEVENTH, SEVENTHS),
    (ChordClass.OPEN_SEVENTH, tuple((s[0], s[1], s[3]) for s in SEVENTHS[:3])),
    (ChordClass.OPEN_TRIAD, ((0, 4), (0, 3))),
    (ChordClass.BARE, ((0, 7), (0,))),
)


def pitch_class_mask(pitches: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Bit mask of the sounding pitch classes along the last axis.

    ``pitches``: MIDI numbers (..., voices), negative for silence; the result has shape (...).
    """
    values = np.asarray(pitches, dtype=np.int64)
    bits = np.where(values >= 0, 1 << (values % 12), 0)
    return np.asarray(np.bitwise_or.reduce(bits, axis=-1), dtype=np.int64)


def _mask(root: int, shape: tuple[int, ...]) -> int:
    return sum(1 << ((root + member) % 12) for member in shape)


def _build_chords() -> tuple[Chord, ...]:
    chords = [Chord(ChordClass.OTHER, -1, ())] * 4096
    chords[0] = Chord(ChordClass.SILENT, -1, ())
    for kind, shapes in reversed(_SHAPES):
        for shape in reversed(shapes):
            for root in range(12):
                chords[_mask(root, shape)] = Chord(kind, root, shape)
    return tuple(chords)


CHORDS: tuple[Chord, ...] = _build_chords()
"""The chord of every mask (4096 entries)."""

CHORD_KIND: NDArray[np.int8] = np.array([c.kind for c in CHORDS], dtype=np.int8)
CHORD_ROOT: NDArray[np.int8] = np.array([c.root for c in CHORDS], dtype=np.int8)

_NO_FIXED_ROOT = ((0, 4, 8), (0, 3, 6, 9))


def _build_roots() -> NDArray[np.bool_]:
    """(4096, 12): may pitch class ``r`` be called the root?  Symmetric chords have several."""
    table = np.zeros((4096, 12), dtype=bool)
    for mask, chord in enumerate(CHORDS):
        if chord.root < 0:
            continue
        table[mask, chord.root] = True
        if chord.shape in _NO_FIXED_ROOT:
            table[mask] = [bool(mask >> r & 1) for r in range(12)]
    return table


IS_ROOT: NDArray[np.bool_] = _build_roots()
"""``IS_ROOT[mask, pitch_class]``."""


def chord_of(pitches: Sequence[int] | NDArray[np.integer[Any]]) -> Chord:
    """The chord of one slice of MIDI pitches (negative: silence).

    >>> chord_of([72, 67, 64, 48]).root
    0
    """
    return CHORDS[int(pitch_class_mask(pitches))]


def is_chordal(masks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Triads (fifth left out or not) and complete seventh chords: the usual "a chord" of a
    chorale beat.  Incomplete sevenths are left out since a passing note looks the same.
    """
    kinds = CHORD_KIND[masks]
    chordal = (ChordClass.TRIAD, ChordClass.OPEN_TRIAD, ChordClass.SEVENTH)
    return np.asarray(np.isin(kinds, chordal))


def in_root_position(grid: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Whether the bass has the root of a recognised chord, per slice (..., 4).

    The bass is the last column even where the tenor lies below it (a chorale's bass was doubled
    an octave lower), or the lowest sounding pitch where that column is silent.  A bare fifth or
    octave above the bass counts as root position; an augmented triad and a diminished seventh
    chord have no fixed root, so any bass will do.
    """
    values = np.asarray(grid, dtype=np.int64)
    lowest = np.where(values >= 0, values, 999).min(axis=-1)
    bass = np.where(values[..., -1] >= 0, values[..., -1], lowest)
    return np.asarray(IS_ROOT[pitch_class_mask(values), bass % 12] & (bass < 999))
