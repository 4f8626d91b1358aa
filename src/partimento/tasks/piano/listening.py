"""From MIDI messages with times to phrases: what a player has just played, once a pause follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from partimento.music.performance import PEDAL_DOWN, Performance, fold_sustain, pedal_spans
from partimento.tasks.piano.passage import Struck, strike

NOTE_OFF, NOTE_ON, CONTROL = 0x80, 0x90, 0xB0
SUSTAIN = 64
LONGEST_KEY_SEC = 20.0
"""A key that is down for longer is taken as forgotten: its release was lost."""


@dataclass(slots=True)
class PhraseListener:
    """Collects what comes in; times in seconds of any clock.

    A phrase is over when no key has moved and none has been down for ``pause_sec``.  A pedal held
    down does not prolong it.
    """

    pause_sec: float
    _down: dict[int, tuple[float, int]] = field(default_factory=dict)
    _notes: list[tuple[float, float, int, int]] = field(default_factory=list)
    _pedal: list[tuple[float, int]] = field(default_factory=list)
    _latest: float = 0.0

    def hear(self, message: Sequence[int], now: float) -> bool:
        """Take a message; true when a key was struck.  What is no key or pedal is passed over."""
        if len(message) < 3 or not 0 <= message[1] < 128:
            return False
        kind, number, value = message[0] & 0xF0, message[1], message[2]
        if kind == CONTROL and number == SUSTAIN:
            self._pedal.append((now, value))
        if kind not in (NOTE_ON, NOTE_OFF):
            return False
        self._latest = now
        self._release(number, now)
        if kind == NOTE_ON and value > 0:
            self._down[number] = (now, value)
            return True
        return False

    def phrase(self, now: float) -> Struck | None:
        """The phrase, from time 0 on, once it is over; the next one begins then."""
        for pitch, (onset, _) in list(self._down.items()):
            if now - onset >= LONGEST_KEY_SEC:
                self._release(pitch, onset + LONGEST_KEY_SEC)
                self._latest = max(self._latest, onset + LONGEST_KEY_SEC)
        if self._down or not self._notes or now - self._latest < self.pause_sec:
            return None
        found = self._collect()
        self._notes.clear()
        # A pedal that is still down is so in the next phrase too.
        held = bool(self._pedal) and self._pedal[-1][1] >= PEDAL_DOWN
        self._pedal = [(now, 127)] if held else []
        return found

    def _release(self, pitch: int, now: float) -> None:
        if pitch in self._down:
            onset, velocity = self._down.pop(pitch)
            self._notes.append((onset, max(now, onset + 0.001), pitch, velocity))

    def _collect(self) -> Struck:
        table = np.array(sorted(self._notes), dtype=np.float64)
        times = np.array([t for t, _ in self._pedal])
        values = np.array([v for _, v in self._pedal], dtype=np.int64)
        spans = pedal_spans(times, values, self._latest) if len(times) else np.zeros((0, 2))
        start = table[0, 0]
        offset = fold_sustain(table[:, 1], spans)
        pitch, velocity = table[:, 2].astype(np.int64), table[:, 3].astype(np.int64)
        return strike(
            Performance(table[:, 0] - start, offset - start, pitch, velocity, np.zeros((0, 2)))
        )
