"""Performances as MIDI files: one piano track in real time, exact to the millisecond."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.core.files import write_atomic
from partimento.music.events import disjoint
from partimento.music.performance import Performance

TICKS_PER_QUARTER = 500
MICROSECONDS_PER_QUARTER = 500_000
TICKS_PER_SECOND = TICKS_PER_QUARTER * 1_000_000 // MICROSECONDS_PER_QUARTER
"""1000: at 120 quarters a minute one tick is one millisecond."""
PIANO = 0
MAX_TICK = 0x0FFFFFFF
"""Largest time that a MIDI file can write as one delta: three days."""


def write_performance(performance: Performance, path: str | Path) -> None:
    """Write ``performance`` to ``path`` as MIDI, in one step (see :func:`performance_midi`)."""
    write_atomic(path, performance_midi(performance))


def performance_midi(performance: Performance) -> bytes:
    """A Standard MIDI File of format 0 with the notes, rounded to milliseconds.

    The sustain pedal is in the notes' ends already and is not written again.  One channel holds a
    pitch once: a key struck again ends the note before, as on the piano.

    Raises ValueError for notes before 0 s or later than three days.
    """
    onset, offset = (_ticks(sec) for sec in (performance.onset_sec, performance.offset_sec))
    if len(onset) and (onset.min() < 0 or offset.max() > MAX_TICK):
        raise ValueError("notes of a MIDI file lie between 0 s and three days")
    notes = disjoint(onset, offset, performance.pitch, np.clip(performance.velocity, 1, 127))
    tick = np.concatenate([notes.offset, notes.onset])
    pitch = np.concatenate([notes.pitch, notes.pitch])
    velocity = np.concatenate([np.zeros_like(notes.bin), notes.bin])
    # At one tick keys go up before others go down.
    order = np.lexsort((pitch, velocity > 0, tick))
    tempo = MICROSECONDS_PER_QUARTER.to_bytes(3, "big")
    start = b"\x00\xff\x51\x03" + tempo + bytes((0, 0xC0, PIANO))
    body = _messages(np.diff(tick[order], prepend=0), pitch[order], velocity[order])
    track = start + body + b"\x00\xff\x2f\x00"
    header = b"".join(n.to_bytes(2, "big") for n in (0, 1, TICKS_PER_QUARTER))
    return _chunk(b"MThd", header) + _chunk(b"MTrk", track)


def _ticks(seconds: np.ndarray) -> np.ndarray:
    return np.floor(seconds * TICKS_PER_SECOND + 0.5).astype(np.int64)


def _messages(delta: np.ndarray, pitch: np.ndarray, velocity: np.ndarray) -> bytes:
    """Note messages (N,) on channel 1; velocity 0 is a note off.

    Each is at most seven bytes: up to four groups of seven bits of delta time, the status, pitch,
    velocity.
    """
    table = np.empty((len(delta), 7), dtype=np.uint8)
    used = np.ones((len(delta), 7), dtype=bool)
    for place, shift in enumerate((21, 14, 7, 0)):
        group = delta >> shift
        table[:, place] = group & 127 | (128 if shift else 0)
        used[:, place] = (group > 0) | (shift == 0)
    table[:, 4] = 0x90
    table[:, 5], table[:, 6] = pitch, velocity
    return table[used].tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "big") + data
