"""Duration tokens: every note says at its onset how long it sounds; there are no note offs.

======== ======== ==============================================================
tokens   number   meaning
======== ======== ==============================================================
0-127    128      onset of a note, by pitch
128-227  100      time shift of 1 to 100 ticks of 10 ms, from onset to onset
228-259  32       velocity of the notes that follow, in bins of 4
260-359  100      the note's duration, 1 to 100 ticks
360-419  60       1 to 60 seconds more of the duration, before its ticks
420-422  3        padding, start, end
======== ======== ==============================================================

A note is ``[shift ...] [velocity] pitch [seconds ...] ticks``: shifts as long as possible, a
velocity only where it changes, notes by onset and pitch.  Every list of notes has one sequence,
and the same notes as the 388 events of :mod:`partimento.music.events`, so likelihoods per note
of the two can be compared.
"""

from __future__ import annotations

import numpy as np

from partimento.music.events import (
    PITCHES,
    SHIFTS,
    VELOCITY_BINS,
    TickNotes,
    disjoint,
)

PITCH, SHIFT, VELOCITY, DURATION, SECONDS = 0, 128, 228, 260, 360
MOST_SECONDS = 60
PAD, SOS, EOS = 420, 421, 422
VOCABULARY = 423


def encode_durations(notes: TickNotes) -> np.ndarray:
    """Tokens (L,) int16 of the notes, from the tick of the first onset on."""
    if len(notes) == 0:
        return np.zeros(0, dtype=np.int16)
    gap = np.diff(notes.onset, prepend=notes.onset[0])
    length = notes.offset - notes.onset
    shifts = -(-gap // SHIFTS)
    changed = np.diff(notes.bin, prepend=-1) != 0
    seconds = (length - 1) // SHIFTS
    extra = -(-seconds // MOST_SECONDS)
    last = np.cumsum(shifts + changed + 1 + extra + 1) - 1
    pitch = last - extra - 1
    # What no rule below writes is a full shift; between pitch and ticks, full seconds.
    tokens = np.full(last[-1] + 1, SHIFT + SHIFTS - 1, dtype=np.int16)
    inside = np.zeros(len(tokens) + 1, dtype=np.int8)
    inside[pitch + 1] += 1
    inside[last] -= 1
    tokens[np.cumsum(inside[:-1]) > 0] = SECONDS + MOST_SECONDS - 1
    tokens[last] = DURATION + (length - 1) % SHIFTS
    tokens[pitch] = notes.pitch
    tokens[pitch[changed] - 1] = VELOCITY + notes.bin[changed]
    moved = shifts > 0
    tokens[(pitch - changed - 1)[moved]] = SHIFT + (gap[moved] - 1) % SHIFTS
    long = extra > 0
    tokens[last[long] - 1] = SECONDS + (seconds[long] - 1) % MOST_SECONDS
    return tokens


def decode_durations(tokens: np.ndarray) -> TickNotes:
    """Notes of duration tokens, forgiving: what cannot be meant is passed over.

    A note without a duration lasts one tick; a duration before the first note says nothing.
    """
    tokens = np.asarray(tokens, dtype=np.int64)
    shift = (tokens >= SHIFT) & (tokens < VELOCITY)
    tick = np.cumsum(np.where(shift, tokens - SHIFT + 1, 0))
    loud = (tokens >= VELOCITY) & (tokens < DURATION)
    last_loud = np.maximum.accumulate(np.where(loud, np.arange(len(tokens)), -1))
    bins = np.where(last_loud >= 0, tokens[last_loud] - VELOCITY, VELOCITY_BINS // 2)
    ticks = np.where((tokens >= DURATION) & (tokens < SECONDS), tokens - DURATION + 1, 0)
    whole = np.where((tokens >= SECONDS) & (tokens < PAD), tokens - SECONDS + 1, 0)
    place = np.flatnonzero((tokens >= PITCH) & (tokens < PITCHES))
    if len(place) == 0:
        empty = np.zeros(0, dtype=np.int64)
        return TickNotes(empty, empty, empty, empty)
    length = np.add.reduceat(ticks + whole * SHIFTS, place)
    onset = tick[place]
    return disjoint(onset, onset + length, tokens[place], bins[place])
