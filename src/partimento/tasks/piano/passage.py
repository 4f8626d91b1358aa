"""A performance cut for the model: what is kept to the millisecond, what is handed over.

Shape suffixes: N notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.core.errors import MusicError
from partimento.music.event_stream import BEFORE, StreamNote
from partimento.music.events import (
    BIN_WIDTH,
    SHIFT,
    TICKS_PER_SECOND,
    VELOCITY,
    TickNotes,
    disjoint,
    encode_events,
)
from partimento.music.performance import Performance, read_performance

MS_PER_TICK = 1000 // TICKS_PER_SECOND
LONGEST_HOURS = 24


@dataclass(frozen=True, slots=True)
class Struck:
    """Notes in whole milliseconds, int64 (N,), sorted by onset and pitch, velocities as played.

    No two notes of a pitch overlap: a key struck again ends the note before, as on the piano.
    ``made`` (N,) is true for the notes that a model played.
    """

    onset: np.ndarray
    offset: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    made: np.ndarray

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def onset_tick(self) -> np.ndarray:
        """Onsets (N,) on the model's grid."""
        return _tick(self.onset)

    @property
    def end(self) -> int:
        """Millisecond of the last end."""
        return int(self.offset.max(initial=0))

    def select(self, keep_N: np.ndarray) -> Struck:
        """The notes where ``keep_N`` is true."""
        fields = (self.onset, self.offset, self.pitch, self.velocity, self.made)
        return Struck(*(field[keep_N] for field in fields))

    def ending(self, offset_N: np.ndarray) -> Struck:
        """The same notes with these ends."""
        return Struck(self.onset, offset_N, self.pitch, self.velocity, self.made)

    def shifted(self, ms: int) -> Struck:
        """The same notes ``ms`` later."""
        return Struck(self.onset + ms, self.offset + ms, self.pitch, self.velocity, self.made)

    def ticks(self) -> TickNotes:
        """The notes on the model's grid."""
        bins = self.velocity // BIN_WIDTH
        return disjoint(_tick(self.onset), _tick(self.offset), self.pitch, bins)

    def performance(self) -> Performance:
        """The notes in seconds."""
        return Performance(
            self.onset / 1000, self.offset / 1000, self.pitch, self.velocity, np.zeros((0, 2))
        )


_NONE = np.zeros(0, dtype=np.int64)
NO_NOTES = Struck(_NONE, _NONE, _NONE, _NONE, np.zeros(0, dtype=bool))


def strike(performance: Performance) -> Struck:
    """The notes of a performance, to the millisecond."""
    onset = np.floor(performance.onset_sec * 1000 + 0.5).astype(np.int64)
    offset = np.floor(performance.offset_sec * 1000 + 0.5).astype(np.int64)
    velocity = np.clip(performance.velocity, 1, 127)
    found = disjoint(np.maximum(onset, 0), offset, performance.pitch, velocity)
    made = np.zeros(len(found), dtype=bool)
    return Struck(found.onset, found.offset, found.pitch, found.bin, made)


def together(*parts: Struck) -> Struck:
    """Several sets of notes, sorted."""
    names = ("onset", "offset", "pitch", "velocity", "made")
    joined = Struck(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
    return joined.select(np.lexsort((joined.pitch, joined.onset)))


def read_struck(path: str | Path) -> tuple[Struck, tuple[str, ...]]:
    """The notes of a file from a stranger, and what was passed over.

    Raises InputFileError for a damaged file, MusicError for one without notes.
    """
    performance = read_performance(path, guarded=True)
    if len(performance) == 0:
        said = f" ({'; '.join(performance.warnings)})" if performance.warnings else ""
        raise MusicError(
            f"this file has no note that a piano could play{said}",
            where=str(path),
            fix="Give a MIDI file with notes outside the percussion channel",
        )
    return strike(performance), performance.warnings


@dataclass(frozen=True, slots=True)
class Passage:
    """Everything before a cut.

    ``kept`` stays as it is; ``carried`` (onset before the cut, sounding at it) begins as it was
    played and is ended by the model; ``seen`` is both as the model reads them.
    """

    kept: Struck
    carried: Struck
    seen: TickNotes
    cut_tick: int

    @property
    def sounding(self) -> dict[int, int]:
        """Pitch -> MIDI velocity of the notes that cross the cut."""
        pairs = zip(self.carried.pitch.tolist(), self.carried.velocity.tolist(), strict=True)
        return dict(pairs)


def cut_before(notes: Struck, cut_tick: int) -> Passage:
    """The notes with onsets before ``cut_tick`` on the model's grid.

    A note that ends at or after the cut is carried over it.
    """
    onset_tick = _tick(notes.onset)
    before = notes.select(onset_tick < cut_tick)
    seen = before.ticks()
    crossing = np.zeros(128, dtype=bool)
    crossing[seen.pitch[seen.offset >= cut_tick]] = True
    latest = np.zeros(128, dtype=np.int64)
    # Of several notes of a pitch the last assignment stays: the latest.
    latest[before.pitch] = np.arange(len(before))
    carried = np.zeros(len(before), dtype=bool)
    carried[latest[crossing]] = True
    return Passage(before.select(~carried), before.select(carried), seen, cut_tick)


def join(passage: Passage, played: list[StreamNote]) -> Struck:
    """The passage with what a model played after it, its clock beginning at the cut."""
    cut_ms = passage.cut_tick * MS_PER_TICK
    carried = passage.carried.ending(carried_ends(passage, played))
    return together(passage.kept, carried, played_notes(played, cut_ms))


def carried_ends(passage: Passage, played: list[StreamNote]) -> np.ndarray:
    """Milliseconds (N,) at which the carried notes end: as played where that is up to the cut."""
    cut_ms = passage.cut_tick * MS_PER_TICK
    ends = {n.pitch: n.offset for n in played if n.onset == BEFORE}
    pitches = passage.carried.pitch.tolist()
    theirs = np.array([cut_ms + ends.get(p, 0) * MS_PER_TICK for p in pitches], dtype=np.int64)
    own = passage.carried.offset
    return np.where(own <= cut_ms, own, theirs)


def played_notes(played: list[StreamNote], start_ms: int) -> Struck:
    """The model's own notes, ``start_ms`` being its tick 0."""
    rows = [(n.onset, n.offset, n.pitch, n.velocity) for n in played if n.onset != BEFORE]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    onset, offset = (start_ms + table[:, i] * MS_PER_TICK for i in (0, 1))
    return Struck(onset, offset, table[:, 2], table[:, 3], np.ones(len(table), dtype=bool))


def refuse_endless(end_tick: int, where: str, fix: str) -> None:
    """Raise MusicError for music of more than a day: its silence alone would take for ever."""
    if end_tick > LONGEST_HOURS * 3600 * TICKS_PER_SECOND:
        raise MusicError(f"this lasts longer than {LONGEST_HOURS} hours", where=where, fix=fix)


def tick_after(notes: Struck) -> int:
    """The first tick at which everything has ended."""
    return notes.ticks().ticks + 1


def tick_of_event(notes: TickNotes, count: int) -> int:
    """The tick of event number ``count`` of the notes; the end when there are fewer."""
    tokens = encode_events(notes).astype(np.int64)
    if count >= len(tokens):
        return notes.ticks + 1
    shift = (tokens >= SHIFT) & (tokens < VELOCITY)
    passed = np.cumsum(np.where(shift, tokens - SHIFT + 1, 0))
    return int(notes.onset[0]) + int(passed[count]) + 1


def _tick(ms: np.ndarray) -> np.ndarray:
    ticks: np.ndarray = (ms + MS_PER_TICK // 2) // MS_PER_TICK
    return ticks
