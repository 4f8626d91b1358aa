"""The 388 performance events (Oore et al. 2018; Huang et al. 2019), with absolute rounding.

======== ======== ==============================================================
tokens   number   meaning
======== ======== ==============================================================
0-127    128      note on, by pitch
128-255  128      note off, by pitch
256-355  100      time shift of 1 to 100 ticks of 10 ms
356-387  32       velocity of the notes that follow, in bins of 4
388-390  3        padding, start, end
======== ======== ==============================================================

Times are rounded as absolute times, so that errors never add up: no onset is off by more than half
a tick.  At one tick, ends come before onsets and low pitches before high ones; time shifts are as
long as possible; a velocity is written only where it changes.  Every list of notes therefore has
exactly one sequence of events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.performance import Performance

TICKS_PER_SECOND = 100
PITCHES = 128
NOTE_ON, NOTE_OFF, SHIFT, VELOCITY = 0, 128, 256, 356
SHIFTS, VELOCITY_BINS, BIN_WIDTH = 100, 32, 4
PAD, SOS, EOS = 388, 389, 390
EVENTS = 388
VOCABULARY = 391


@dataclass(frozen=True, slots=True)
class TickNotes:
    """Notes on a grid of 10 ms: int64 arrays (N,), sorted by onset, then pitch.

    ``onset`` < ``offset`` in ticks; ``bin`` is the velocity in 0..31.  No two notes of one pitch
    sound at the same time.
    """

    onset: np.ndarray
    offset: np.ndarray
    pitch: np.ndarray
    bin: np.ndarray

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def ticks(self) -> int:
        """Tick of the last end."""
        return int(self.offset.max(initial=0))

    def shifted(self, ticks: int) -> TickNotes:
        """The same notes ``ticks`` later."""
        return TickNotes(self.onset + ticks, self.offset + ticks, self.pitch, self.bin)

    def select(self, keep: np.ndarray) -> TickNotes:
        """The notes where ``keep`` (N,) is true."""
        return TickNotes(self.onset[keep], self.offset[keep], self.pitch[keep], self.bin[keep])


def quantise_performance(performance: Performance) -> TickNotes:
    """Round every onset and end to its nearest tick; see :func:`disjoint` for what follows."""
    onset = np.floor(performance.onset_sec * TICKS_PER_SECOND + 0.5).astype(np.int64)
    offset = np.floor(performance.offset_sec * TICKS_PER_SECOND + 0.5).astype(np.int64)
    return disjoint(onset, offset, performance.pitch, performance.velocity // BIN_WIDTH)


def disjoint(
    onset: np.ndarray, offset: np.ndarray, pitch: np.ndarray, velocity_bin: np.ndarray
) -> TickNotes:
    """Notes of which none overlaps another of its pitch: a key struck again ends the note before.

    Every note lasts one tick at least.  Notes of one pitch and onset are one key stroke; the
    longest is kept, with the loudest velocity.
    """
    order = np.lexsort((-offset, onset, pitch))
    onset, offset, pitch, loud = (a[order] for a in (onset, offset, pitch, velocity_bin))
    new = np.ones(len(onset), dtype=bool)
    new[1:] = (pitch[1:] != pitch[:-1]) | (onset[1:] != onset[:-1])
    if len(onset) and not new.all():
        loud = np.maximum.reduceat(loud, np.flatnonzero(new))
        onset, offset, pitch = onset[new], offset[new], pitch[new]
    offset = np.maximum(offset, onset + 1)
    same = pitch[1:] == pitch[:-1]
    offset[:-1] = np.where(same, np.minimum(offset[:-1], onset[1:]), offset[:-1])
    order = np.lexsort((pitch, onset))
    return TickNotes(onset[order], offset[order], pitch[order], loud[order])


def timeline(notes: TickNotes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends and onsets in the one order of the events.

    Returns (2N,) arrays: tick, key (pitch for an onset, 128 + pitch for an end), index of the note.
    """
    count = len(notes)
    tick = np.concatenate([notes.offset, notes.onset])
    key = np.concatenate([notes.pitch + NOTE_OFF, notes.pitch])
    # One sort key: tick, ends first, pitch.
    order = np.argsort(tick * 256 + (key ^ NOTE_OFF), kind="stable")
    index = np.concatenate([np.arange(count), np.arange(count)])
    return tick[order], key[order], index[order]


def encode_events(notes: TickNotes) -> np.ndarray:
    """Events (L,) int16 of the notes, from the tick of the first onset on."""
    if len(notes) == 0:
        return np.zeros(0, dtype=np.int16)
    tick, key, index = timeline(notes)
    gap = np.diff(tick, prepend=tick[0])
    shifts = -(-gap // SHIFTS)
    onset = key < NOTE_OFF
    bins = np.where(onset, notes.bin[index], -1)
    played = bins[onset]
    changed = np.zeros(len(key), dtype=bool)
    changed[onset] = np.diff(played, prepend=-1) != 0
    last = np.cumsum(shifts + changed + 1) - 1
    tokens = np.full(last[-1] + 1, SHIFT + SHIFTS - 1, dtype=np.int16)
    tokens[last] = key
    tokens[last[changed] - 1] = VELOCITY + bins[changed]
    moved = shifts > 0
    tokens[(last - changed - 1)[moved]] = SHIFT + (gap[moved] - 1) % SHIFTS
    return tokens


def decode_events(tokens: np.ndarray) -> TickNotes:
    """Notes of events, forgiving: what an event cannot mean is passed over.

    A note off without its note is ignored, a note on of a sounding pitch starts it anew, and notes
    that never end do so at the last tick.  :mod:`partimento.music.event_grammar` finds such faults.
    """
    tokens = np.asarray(tokens, dtype=np.int64)
    shift = (tokens >= SHIFT) & (tokens < VELOCITY)
    tick = np.cumsum(np.where(shift, tokens - SHIFT + 1, 0))
    loud = (tokens >= VELOCITY) & (tokens < PAD)
    last_loud = np.maximum.accumulate(np.where(loud, np.arange(len(tokens)), -1))
    bins = np.where(last_loud >= 0, tokens[last_loud] - VELOCITY, VELOCITY_BINS // 2)
    key = (tokens >= 0) & (tokens < SHIFT)
    tick, bins, tokens = tick[key], bins[key], tokens[key]
    pitch, is_off = tokens % PITCHES, tokens >= NOTE_OFF
    end = int(tick[-1]) if len(tick) else 0
    order = np.argsort(pitch, kind="stable")
    pitch, is_off, tick, bins = pitch[order], is_off[order], tick[order], bins[order]
    until = np.append(tick[1:], end)
    until[:-1][pitch[1:] != pitch[:-1]] = end
    on = ~is_off
    return disjoint(tick[on], until[on], pitch[on], bins[on])


def to_performance(notes: TickNotes) -> Performance:
    """Seconds and MIDI velocities (the middle of each bin); the pedal stays in the durations."""
    return Performance(
        notes.onset / TICKS_PER_SECOND,
        notes.offset / TICKS_PER_SECOND,
        notes.pitch,
        np.maximum(notes.bin * BIN_WIDTH + BIN_WIDTH // 2, 1),
        np.zeros((0, 2)),
    )
