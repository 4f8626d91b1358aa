"""Notes out of events as they come, one event at a time: what a stream and a live answer need.

:func:`partimento.music.events.decode_events` does the same for whole pieces at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from partimento.music.events import (
    BIN_WIDTH,
    EOS,
    EVENTS,
    NOTE_OFF,
    PITCHES,
    SHIFT,
    VELOCITY,
    VELOCITY_BINS,
)

BEFORE = -1
"""Onset of a note that sounded before the first event."""


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A key goes down or up: tick, pitch, MIDI velocity (0 for an end)."""

    kind: Literal["note_on", "note_off"]
    tick: int
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class StreamNote:
    """A finished note; ``onset`` is -1 when it sounded before the first event."""

    onset: int
    offset: int
    pitch: int
    velocity: int


def bin_velocity(velocity_bin: int) -> int:
    """MIDI velocity of a bin: its middle, never 0."""
    return max(1, velocity_bin * BIN_WIDTH + BIN_WIDTH // 2)


class EventReader:
    """Takes events of the grammar and keeps the notes.

    ``sounding`` pitch -> MIDI velocity of what sounds before the first event, ``loud`` the velocity
    bin then in force (-1: none).  After ``limit_ticks`` nothing happens any more: :attr:`done`.
    """

    def __init__(
        self,
        sounding: Mapping[int, int] | None = None,
        loud: int = -1,
        limit_ticks: int | None = None,
    ) -> None:
        self.limit_ticks = limit_ticks
        self.tick = 0
        self.ended = self.done = False
        self.notes: list[StreamNote] = []
        self._loud = loud if loud >= 0 else VELOCITY_BINS // 2
        self._open = {pitch: (BEFORE, velocity) for pitch, velocity in (sounding or {}).items()}

    def take(self, token: int) -> KeyEvent | None:
        """Take one event; the key event that it is, if it is one.

        Raises ValueError for what cannot be: an end without its note, a sounding pitch struck,
        anything after the end.
        """
        if self.done:
            raise ValueError("nothing follows the end")
        if token < NOTE_OFF:
            return self._strike(token)
        if token < SHIFT:
            return self._release(token - NOTE_OFF)
        if token < VELOCITY:
            self._wait(token - SHIFT + 1)
        elif token < EVENTS:
            self._loud = token - VELOCITY
        elif token == EOS:
            self.ended = self.done = True
        else:
            raise ValueError(f"event {token} means nothing in a piece")
        return None

    def finish(self) -> list[KeyEvent]:
        """End whatever sounds still, at the present tick (a note lasts one tick at least)."""
        self.done = True
        latest = max((onset for onset, _ in self._open.values()), default=BEFORE)
        if latest >= self.tick:
            self.tick = latest + 1
        return [self._release(pitch) for pitch in sorted(self._open)]

    @property
    def sounding(self) -> tuple[int, ...]:
        """Pitches that sound, ascending."""
        return tuple(sorted(self._open))

    def snapshot(self) -> list[StreamNote]:
        """Notes so far; those that sound still end one tick after the present."""
        running = [
            StreamNote(onset, self.tick + 1, pitch, velocity)
            for pitch, (onset, velocity) in self._open.items()
        ]
        return [*self.notes, *running]

    def _strike(self, pitch: int) -> KeyEvent:
        if pitch in self._open:
            raise ValueError(f"pitch {pitch} sounds already")
        velocity = bin_velocity(self._loud)
        self._open[pitch] = (self.tick, velocity)
        return KeyEvent("note_on", self.tick, pitch, velocity)

    def _release(self, pitch: int) -> KeyEvent:
        if pitch not in self._open:
            raise ValueError(f"pitch {pitch} does not sound")
        onset, velocity = self._open.pop(pitch)
        self.notes.append(StreamNote(onset, max(self.tick, onset + 1), pitch, velocity))
        return KeyEvent("note_off", self.tick, pitch, 0)

    def _wait(self, ticks: int) -> None:
        self.tick += ticks
        if self.limit_ticks is not None and self.tick >= self.limit_ticks:
            self.tick, self.done = self.limit_ticks, True


def note_table(notes: list[StreamNote]) -> np.ndarray:
    """Notes as int64 (N, 4): onset, offset, pitch, velocity, sorted by onset and pitch."""
    rows = [(n.onset, n.offset, n.pitch, n.velocity) for n in notes]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return table[np.lexsort((table[:, 2], table[:, 0]))]


def sounding_pitches(sounding: np.ndarray) -> list[int]:
    """Pitches that are true in (128,)."""
    return [int(p) for p in np.flatnonzero(sounding[:PITCHES])]
