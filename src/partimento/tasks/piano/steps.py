"""Compound steps: what the strong model reads and writes instead of single events.

A step is one onset or end together with the time since the step before: ``gap`` in ticks of 10 ms,
``key`` and, for an onset, the velocity ``bin``.  There are about two steps a note where there are
four events.  A gap of a second or more is preceded by WAIT steps of 100 ticks each, so steps and
the 388 events say exactly the same and their likelihoods per note can be compared.

Shape suffixes: S steps of a piece, T positions of a crop, P 128 pitches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.events import NOTE_OFF, PITCHES, SHIFTS, TickNotes, timeline

WAIT, END, START = 256, 257, 258
KEYS, KEYS_IN = 258, 259
GAPS = SHIFTS + 1
NO_BIN = 32
LONG_AGO = -(1 << 20)
"""Tick of what never happened."""
RECENT = 4
"""Onsets and inter-onset intervals that are kept in mind."""
CHORD_TICKS = 3
"""Onsets closer than this belong to one chord (35 ms in the leak detector's terms)."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of a piece, int32 (S,): gap in ticks, key, bin (32: none), tick after the step."""

    gap: np.ndarray
    key: np.ndarray
    bin: np.ndarray
    tick: np.ndarray

    def __len__(self) -> int:
        return len(self.gap)


def encode_steps(notes: TickNotes, *, end: bool = True) -> Steps:
    """The steps of all notes, from the first onset on, with END as the last if asked for."""
    tick, key, index = timeline(notes)
    first = tick[0] if len(tick) else 0
    gap = np.diff(tick, prepend=first)
    waits = gap // SHIFTS
    last = np.cumsum(waits + 1) - 1
    size = int(last[-1]) + 1 if len(last) else 0
    gaps = np.full(size + end, SHIFTS, dtype=np.int32)
    keys = np.full(size + end, WAIT, dtype=np.int32)
    bins = np.full(size + end, NO_BIN, dtype=np.int32)
    gaps[last], keys[last] = gap % SHIFTS, key
    bins[last] = np.where(key < NOTE_OFF, notes.bin[index], NO_BIN)
    if end:
        gaps[-1], keys[-1] = 0, END
    return Steps(gaps, keys, bins, np.cumsum(gaps, dtype=np.int32))


@dataclass(slots=True)
class Memory:
    """What is known of all steps so far: the state that a crop in mid-piece begins with.

    ``last_on`` (P,) tick of the latest onset, ``sounding`` (P,), ``onsets`` (RECENT, 3) newest
    last: tick, pitch, bin; ``chords`` (RECENT + 1,) ticks of the latest chords, newest last.
    """

    last_on: np.ndarray
    sounding: np.ndarray
    onsets: np.ndarray
    chords: np.ndarray

    @classmethod
    def empty(cls) -> Memory:
        """Nothing has happened."""
        onsets = np.tile(np.array([LONG_AGO, -1, NO_BIN]), (RECENT, 1))
        return cls(
            np.full(PITCHES, LONG_AGO, dtype=np.int64),
            np.zeros(PITCHES, dtype=bool),
            onsets,
            np.full(RECENT + 1, LONG_AGO, dtype=np.int64),
        )

    @classmethod
    def after(cls, steps: Steps, count: int) -> Memory:
        """The memory after the first ``count`` steps."""
        memory = cls.empty()
        key, tick, bins = steps.key[:count], steps.tick[:count], steps.bin[:count]
        on = key < NOTE_OFF
        struck = key < WAIT
        # Of several values for one pitch the last is kept: the order of the steps decides.
        memory.last_on[key[on]] = tick[on]
        memory.sounding[key[struck] % PITCHES] = on[struck]
        table = np.stack([tick[on], key[on], bins[on]], 1)
        memory.onsets = np.concatenate([memory.onsets, table])[-RECENT:]
        starts = chord_ticks(tick[on])
        memory.chords = np.concatenate([memory.chords, starts])[-RECENT - 1 :]
        return memory


def chord_ticks(onset_tick: np.ndarray) -> np.ndarray:
    """First ticks of the chords that onsets (in order) form."""
    new = np.diff(onset_tick, prepend=LONG_AGO) > CHORD_TICKS
    return onset_tick[new]


@dataclass(frozen=True, slots=True)
class Crop:
    """Inputs and targets of T positions; position t sees step t and foretells step t + 1.

    ``gap`` ``key`` ``bin`` ``tick`` (T + 1,): element 0 is the step before the crop, or START;
    ``age`` (T, P) ticks from each pitch's latest onset to tick t, ``sounding`` (T, P);
    ``recent_pitch`` ``recent_bin`` (T, RECENT) newest first, -1 and 32 where there was none;
    ``since_chord`` (T,) ticks since the latest chord; ``intervals`` (T, RECENT) the latest
    inter-chord intervals, newest first.
    """

    gap: np.ndarray
    key: np.ndarray
    bin: np.ndarray
    tick: np.ndarray
    age: np.ndarray
    sounding: np.ndarray
    recent_pitch: np.ndarray
    recent_bin: np.ndarray
    since_chord: np.ndarray
    intervals: np.ndarray


AGE_LIMIT = 30_000
"""Ages above five minutes are cut (int16 would end soon after)."""


def crop_steps(steps: Steps, start: int, length: int) -> Crop:
    """Positions ``start`` ... ``start + length`` - 1: position t of the piece follows t steps."""
    stop = min(start + length, len(steps))
    before = max(start - 1, 0)
    parts = [a[before:stop] for a in (steps.gap, steps.key, steps.bin, steps.tick)]
    if start == 0:
        first = (0, START, NO_BIN, 0)
        parts = [np.concatenate([[f], a]) for f, a in zip(first, parts, strict=True)]
    gap, key, bins, tick = (a.astype(np.int32) for a in parts)
    memory = Memory.after(steps, before)
    return _observe(memory, gap, key, bins, tick)


def _observe(
    memory: Memory, gap: np.ndarray, key: np.ndarray, bins: np.ndarray, tick: np.ndarray
) -> Crop:
    """Features after each of the steps but the last, ``memory`` being the state before them."""
    length = len(key) - 1
    seen_key, seen_tick = key[:length], tick[:length]
    on = np.flatnonzero(seen_key < NOTE_OFF)
    last_on = np.full((length, PITCHES), LONG_AGO, dtype=np.int32)
    last_on[on, seen_key[on]] = seen_tick[on]
    if length:
        last_on[0] = np.maximum(last_on[0], memory.last_on)
    last_on = np.maximum.accumulate(last_on, 0)
    sounding = _sounding(memory, seen_key)
    onset_count = np.cumsum(seen_key < NOTE_OFF)
    table = np.concatenate(
        [memory.onsets, np.stack([seen_tick[on], seen_key[on], bins[:length][on]], 1)]
    )
    back = np.arange(RECENT)
    recent = table[RECENT + onset_count[:, None] - 1 - back]
    chords, chord_count = _chords(memory, seen_tick, on, length)
    place = RECENT + chord_count[:, None] - back
    intervals = np.minimum(chords[place] - chords[place - 1], AGE_LIMIT)
    return Crop(
        gap,
        key,
        bins,
        tick,
        np.minimum(seen_tick[:, None] - last_on, AGE_LIMIT).astype(np.int16),
        sounding,
        recent[..., 1].astype(np.int16),
        recent[..., 2].astype(np.int16),
        np.minimum(seen_tick - chords[RECENT + chord_count], AGE_LIMIT).astype(np.int16),
        intervals.astype(np.int16),
    )


def _sounding(memory: Memory, key: np.ndarray) -> np.ndarray:
    """Which pitches sound after each step (T, P)."""
    struck = np.flatnonzero(key < WAIT)
    change = np.zeros((len(key) + 1, PITCHES), dtype=np.int8)
    change[0] = memory.sounding
    change[struck + 1, key[struck] % PITCHES] = np.where(key[struck] < NOTE_OFF, 1, -1)
    return np.cumsum(change, 0, dtype=np.int8)[1:] > 0


def _chords(
    memory: Memory, tick: np.ndarray, on: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ticks of the chords (RECENT + 1 old ones first) and how many new ones each step has seen."""
    newest = memory.onsets[-1, 0]
    new = np.diff(tick[on], prepend=newest) > CHORD_TICKS
    counts = np.zeros(length, dtype=np.int64)
    counts[on[new]] = 1
    return np.concatenate([memory.chords, tick[on[new]]]), np.cumsum(counts)
