"""State of several pieces side by side: all that the strong model's features are made of.

:func:`partimento.tasks.piano.steps.crop_steps` makes the same features of whole pieces.

Shape suffixes: B pieces, P 128 pitches, R recent onsets, G 101 gaps, K 258 keys.
"""

from __future__ import annotations

import numpy as np

from partimento.music.events import NOTE_OFF, PITCHES, SHIFTS
from partimento.tasks.piano.steps import (
    AGE_LIMIT,
    CHORD_TICKS,
    END,
    GAPS,
    KEYS,
    LONG_AGO,
    NO_BIN,
    RECENT,
    START,
    WAIT,
    Memory,
    Steps,
)

LONGEST_TICKS = 2000
"""A generated note that has sounded for 20 s is ended: nothing on a piano lasts longer."""
_GAP, _PITCH = np.arange(GAPS), np.arange(PITCHES)


class Rows:
    """Arrays over the pieces, all int64 but ``sounding``.

    ``gap`` ``key`` ``bin`` the latest step, ``tick`` when it was; ``last_on`` (B, P),
    ``sounding`` (B, P) bool, ``recent_pitch`` ``recent_bin`` (B, R) and ``chords`` (B, R + 1)
    newest first, ``newest`` the tick of the latest onset; ``pending`` ticks that must pass before
    the next step, because the primer was silent for so long.
    """

    def __init__(self, batch: int) -> None:
        self.gap = np.zeros(batch, dtype=np.int64)
        self.key = np.full(batch, START)
        self.bin = np.full(batch, NO_BIN)
        self.tick = np.zeros(batch, dtype=np.int64)
        self.pending = np.zeros(batch, dtype=np.int64)
        self.last_on = np.full((batch, PITCHES), LONG_AGO)
        self.sounding = np.zeros((batch, PITCHES), dtype=bool)
        self.recent_pitch = np.full((batch, RECENT), -1)
        self.recent_bin = np.full((batch, RECENT), NO_BIN)
        self.chords = np.full((batch, RECENT + 1), LONG_AGO)
        self.newest = np.full(batch, LONG_AGO)

    def __len__(self) -> int:
        return len(self.gap)

    def replay(self, steps: Steps) -> None:
        """Bring all pieces to the state after ``steps``."""
        if len(steps) == 0:
            return
        memory = Memory.after(steps, len(steps))
        self.gap[:], self.key[:] = steps.gap[-1], steps.key[-1]
        self.bin[:], self.tick[:] = steps.bin[-1], steps.tick[-1]
        self.last_on[:], self.sounding[:] = memory.last_on, memory.sounding
        self.recent_pitch[:] = memory.onsets[::-1, 1]
        self.recent_bin[:] = memory.onsets[::-1, 2]
        self.chords[:], self.newest[:] = memory.chords[::-1], memory.onsets[-1, 0]

    def take(self, row: int, gap: int, key: int, velocity_bin: int) -> None:
        """One more step of a piece has happened."""
        self.gap[row], self.key[row], self.bin[row] = gap, key, velocity_bin
        self.tick[row] += gap
        if key >= WAIT:
            return
        if key >= NOTE_OFF:
            self.sounding[row, key - NOTE_OFF] = False
            return
        tick = int(self.tick[row])
        if tick - int(self.newest[row]) > CHORD_TICKS:
            _push(self.chords[row], tick)
        _push(self.recent_pitch[row], key)
        _push(self.recent_bin[row], velocity_bin)
        self.newest[row] = self.last_on[row, key] = tick
        self.sounding[row, key] = True

    # -- features ---------------------------------------------------------------------------------

    def ages(self) -> np.ndarray:
        """(B, P) ticks since each pitch was struck."""
        return np.minimum(self.tick[:, None] - self.last_on, AGE_LIMIT)

    def since_chord(self) -> np.ndarray:
        """(B,) ticks since the latest chord."""
        return np.minimum(self.tick - self.chords[:, 0], AGE_LIMIT)

    def intervals(self) -> np.ndarray:
        """(B, R) the latest inter-chord intervals."""
        return np.minimum(self.chords[:, :-1] - self.chords[:, 1:], AGE_LIMIT)

    # -- what may follow --------------------------------------------------------------------------

    def allowed_gaps(self) -> np.ndarray:
        """(B, G) gaps that leave a key to choose and keep to what the clock and long notes ask."""
        allowed = self.pending[:, None] <= _GAP
        for row in np.flatnonzero(self.sounding.any(1)).tolist():
            began = int(self.last_on[row][self.sounding[row]].min())
            room = max(int(self.pending[row]), LONGEST_TICKS - (int(self.tick[row]) - began))
            allowed[row, max(room, 0) + 1 :] = False
        for row in range(len(self)):
            if self.key[row] == START:
                allowed[row, 1:] = False
            elif not self._key_at_once(row):
                allowed[row, 0] = False
        return allowed

    def _key_at_once(self, row: int) -> bool:
        """Whether the grammar leaves any key for a step at the same tick."""
        last = int(self.key[row])
        first = last + 1 if last < NOTE_OFF else 0
        return not bool(self.sounding[row, first:].all())

    def allowed_keys(self, gap_B: np.ndarray) -> np.ndarray:
        """(B, K) keys within the grammar after these gaps; a note at its longest must end.

        As :func:`partimento.tasks.piano.strong.allowed_keys`, and no piece begins with its end, or
        ends with a silence.
        """
        allowed = np.zeros((len(self), KEYS), dtype=bool)
        for row, gap in enumerate(gap_B.tolist()):
            if gap == SHIFTS:
                allowed[row, WAIT] = True
                continue
            expired = self._expired(row, gap)
            if expired is not None:
                allowed[row, NOTE_OFF + expired] = True
                continue
            last, sounding = int(self.key[row]), self.sounding[row]
            on, off = allowed[row, :NOTE_OFF], allowed[row, NOTE_OFF:WAIT]
            on[:], off[:] = ~sounding, sounding
            if gap == 0 and last < NOTE_OFF:
                on[: last + 1], off[:] = False, False
            elif gap == 0 and last < WAIT:
                off[: last - NOTE_OFF + 1] = False
            if last == START:
                off[:] = False
            elif gap == 0 and last < WAIT and not sounding.any():
                allowed[row, END] = True
        return allowed

    def _expired(self, row: int, gap: int) -> int | None:
        """The lowest pitch that has sounded for too long ``gap`` ticks from now."""
        too_old = int(self.tick[row]) + gap - LONGEST_TICKS
        found = self.sounding[row] & (self.last_on[row] <= too_old)
        return int(found.argmax()) if found.any() else None


def _push(newest_first: np.ndarray, value: int) -> None:
    """Put a value in front; the last falls out."""
    newest_first[1:] = newest_first[:-1].copy()
    newest_first[0] = value
