"""A piece on a grid of bars: what text2midi reads, describes, learns from and writes.

Time is counted in ticks of 1/24 quarter, which holds 32nds, triplets of eighths and of 16ths.
Shape suffixes: N notes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

TICKS = 24
"""Ticks in a quarter."""
LONGEST_BAR = 8 * TICKS
"""Longer bars do not exist here: 4/2 is the longest."""
METERS: tuple[str, ...] = (
    *("4/4", "3/4", "2/4", "6/8", "2/2", "9/8", "3/8", "12/8", "3/2", "4/2"),
    *("6/4", "5/4", "7/8", "5/8", "4/8", "2/8", "1/4", "6/16", "9/16", "12/16", "7/4", "3/16"),
)
"""Known meters; the order is stored in checkpoints."""


def meter_ticks(meter: str) -> int:
    """Length of a bar in ticks.  Raises ValueError for no meter, and for bars over two breves.

    >>> meter_ticks("6/8")
    72
    """
    beats, slash, kind = meter.partition("/")
    if not (slash and beats.isdigit() and kind.isdigit()) or int(kind) not in (1, 2, 4, 8, 16, 32):
        raise ValueError(f"{meter!r} is no meter such as 3/4")
    length, rest = divmod(int(beats) * 4 * TICKS, int(kind))
    if rest or not 0 < length <= LONGEST_BAR:
        raise ValueError(f"bars of {meter} do not fit the grid (at most two whole notes)")
    return length


@dataclass(frozen=True, slots=True)
class BarPiece:
    """Notes in bars of one meter and one tempo.

    ``onset`` and ``duration`` (N,) int64 ticks, counted from the first bar line; ``pitch`` and
    ``velocity`` (N,) int64, MIDI; ``instrument`` (N,) int64, ids of
    :data:`partimento.music.instruments.INSTRUMENTS`.  Sorted by onset, instrument, pitch.  No two
    notes of one pitch and instrument overlap, none passes the end of the last bar.
    ``tempo_bpm`` counts quarters a minute; ``tempo_stated`` is false where a file says nothing.
    """

    onset: np.ndarray
    duration: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    instrument: np.ndarray
    meter: str
    bars: int
    tempo_bpm: float = 120.0
    tempo_stated: bool = True

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def bar_ticks(self) -> int:
        """Length of a bar."""
        return meter_ticks(self.meter)

    @property
    def seconds(self) -> float:
        """Length of all bars."""
        return self.bars * self.bar_ticks / TICKS * 60.0 / self.tempo_bpm

    def select(self, kept: np.ndarray) -> BarPiece:
        """The same bars with some of the notes: a mask (N,) or indices."""
        names = ("onset", "duration", "pitch", "velocity", "instrument")
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    def excerpt(self, start: int, bars: int) -> BarPiece:
        """Bars ``start`` (from 0) to ``start + bars``: notes that begin there, cut at the end."""
        first, end = start * self.bar_ticks, (start + bars) * self.bar_ticks
        kept = self.select((self.onset >= first) & (self.onset < end))
        onset = kept.onset - first
        duration = np.minimum(kept.duration, end - first - onset)
        return replace(kept, onset=onset, duration=duration, bars=bars)

    def transpose(self, semitones: int) -> BarPiece:
        """All pitches moved; raises ValueError where one would leave MIDI's 0 to 127."""
        pitch = self.pitch + semitones
        if len(pitch) and not (pitch.min() >= 0 and pitch.max() <= 127):
            raise ValueError(f"moved by {semitones}, a pitch leaves MIDI's range")
        return replace(self, pitch=pitch)


def bar_piece(
    onset: np.ndarray,
    duration: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    instrument: np.ndarray,
    *,
    meter: str,
    bars: int | None = None,
    tempo_bpm: float = 120.0,
    tempo_stated: bool = True,
) -> BarPiece:
    """A piece from notes in any order: sorted, overlaps cut, doubles dropped, the end kept.

    Raises ValueError for onsets below 0, for arrays of unequal length and for no known meter.
    """
    columns = [
        np.asarray(a, dtype=np.int64) for a in (onset, duration, pitch, velocity, instrument)
    ]
    if len({len(c) for c in columns}) != 1:
        raise ValueError("the columns of the notes differ in length")
    if len(columns[0]) and int(columns[0].min()) < 0:
        raise ValueError("a note begins before the first bar")
    length = meter_ticks(meter)
    if bars is None:
        bars = max(1, -(-int((columns[0] + columns[1]).max(initial=1)) // length))
    inside = columns[0] < bars * length
    columns = [c[inside] for c in columns]
    on, held, key, loud, voice = _disjoint(*columns)
    held = np.clip(held, 1, bars * length - on)
    return BarPiece(
        on, held, key, np.clip(loud, 1, 127), voice, meter, bars, float(tempo_bpm), tempo_stated
    )


def _disjoint(
    onset: np.ndarray,
    duration: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    instrument: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Notes of one pitch and instrument do not overlap: the earlier ends where the later begins.

    Of several at one time the longest stays.
    """
    order = np.lexsort((-duration, onset, pitch, instrument))
    columns = [c[order] for c in (onset, duration, pitch, velocity, instrument)]
    on, _, key, _, voice = columns
    same = (key[1:] == key[:-1]) & (voice[1:] == voice[:-1])
    kept = np.append(True, ~(same & (on[1:] == on[:-1])))[: len(on)]
    columns = [c[kept] for c in columns]
    on, held, key, _, voice = columns
    same = (key[1:] == key[:-1]) & (voice[1:] == voice[:-1])
    gap = np.where(same, on[1:] - on[:-1], np.iinfo(np.int64).max)
    held[:-1] = np.minimum(held[:-1], gap)
    order = np.lexsort((key, voice, on))
    return tuple(c[order] for c in columns)


def read_bar_piece(path: str | Path, *, guarded: bool = True, own_bars: bool = False) -> BarPiece:
    """A MIDI file on the grid; see :func:`partimento.music.barpiece_read.bar_piece_of`.

    Bar lines are looked for, because files seldom mark a pickup; with ``own_bars`` they are those
    of the file, its first tick being the first, so that no note moves.

    Raises InputFileError for a damaged, oversized or empty file, MusicError for a file without
    pitched notes.
    """
    from partimento.music.barpiece_read import read

    return read(Path(path), guarded=guarded, own_bars=own_bars)
