"""Which event may follow: the automaton that training checks and decoding share.

Every list of notes has one sequence of events (:mod:`partimento.music.events`), and the grammar
allows that sequence only: silent pitches start and sounding ones end, at one tick ends come before
onsets and low pitches before high ones, time shifts are as long as possible, a velocity differs
from the one before it and is followed by an onset, nothing sounds at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.events import (
    EOS,
    EVENTS,
    NOTE_OFF,
    PITCHES,
    SHIFT,
    SHIFTS,
    VELOCITY,
    VELOCITY_BINS,
    VOCABULARY,
)

_NOBODY = -1
_PITCH = np.arange(PITCHES)
_OFFS, _SHIFTS = slice(NOTE_OFF, SHIFT), slice(SHIFT, VELOCITY)
_VELOCITIES = slice(VELOCITY, EVENTS)


class EventGrammar:
    """State after the events so far.

    ``sounding`` (128,) bool, ``ticks`` passed, ``loud`` the velocity bin in force (-1: none yet),
    ``ended`` after EOS.  ``longest_ticks`` is for generation: a note that has sounded for so long
    must end before anything else happens, and no shift may lead beyond that moment.
    """

    def __init__(self, longest_ticks: int | None = None) -> None:
        self.longest_ticks = longest_ticks
        self.sounding = np.zeros(PITCHES, dtype=bool)
        self.began = np.zeros(PITCHES, dtype=np.int64)
        self.ticks, self.loud = 0, _NOBODY
        self.ended = self.started = False
        self._last_on = self._last_off = _NOBODY
        self._after_velocity = self._after_shift = self._closed = False

    def resume(
        self, sounding: np.ndarray, loud: int, sounding_for: np.ndarray | None = None
    ) -> None:
        """Begin in the middle of a piece: a new tick, at which these pitches (128,) sound.

        ``sounding_for`` (128,): for how many ticks each has sounded already.
        """
        self.sounding = sounding.astype(bool).copy()
        age = np.zeros(PITCHES, dtype=np.int64) if sounding_for is None else sounding_for
        self.began = self.ticks - age
        self.loud, self.started = loud, True

    def allowed(self) -> np.ndarray:
        """(391,) true for the events that may come next; none after the end."""
        mask = np.zeros(VOCABULARY, dtype=bool)
        if self.ended:
            return mask
        onset = ~self.sounding & (self._last_on < _PITCH)
        if self._after_velocity:
            mask[:NOTE_OFF] = onset
            return mask
        if self._last_on == _NOBODY:
            mask[_OFFS] = self.sounding & (self._last_off < _PITCH)
        overdue = self._overdue()
        if overdue is not None and overdue.any():
            # The lowest first: an end of a higher one would shut the others out.
            lowest = NOTE_OFF + int(overdue.argmax())
            kept = mask[lowest]
            mask[:] = False
            mask[lowest] = kept
            return mask
        mask[:NOTE_OFF] = onset & (self.loud != _NOBODY)
        if self.started and not self._closed:
            mask[SHIFT : SHIFT + self._room()] = True
        if onset.any():
            mask[_VELOCITIES] = np.arange(VELOCITY_BINS) != self.loud
        mask[EOS] = not (self.sounding.any() or self._after_shift)
        return mask

    def advance(self, token: int) -> None:
        """Take an event.  Raises ValueError for one that may not come here."""
        if not (0 <= token < VOCABULARY and self.allowed()[token]):
            raise ValueError(f"event {token} may not follow: {self._reason(token)}")
        self._after_velocity = VELOCITY <= token < EVENTS
        self._after_shift = SHIFT <= token < VELOCITY
        self.started = True
        if token < SHIFT:
            self._closed = False
            self._key(token)
        elif token < VELOCITY:
            self.ticks += token - SHIFT + 1
            self._last_on = self._last_off = _NOBODY
            self._closed = token < VELOCITY - 1
        elif token < EVENTS:
            self.loud = token - VELOCITY
            self._closed = False
        else:
            self.ended = True

    def _key(self, token: int) -> None:
        pitch = token % PITCHES
        self.sounding[pitch] = token < NOTE_OFF
        if token < NOTE_OFF:
            self._last_on, self.began[pitch] = pitch, self.ticks
        else:
            self._last_off = pitch

    def _overdue(self) -> np.ndarray | None:
        if self.longest_ticks is None:
            return None
        return self.sounding & (self.ticks - self.began >= self.longest_ticks)

    def _room(self) -> int:
        """Longest shift that leads beyond no note's longest duration."""
        if self.longest_ticks is None or not self.sounding.any():
            return SHIFTS
        oldest = int(self.began[self.sounding].min())
        return max(0, min(SHIFTS, oldest + self.longest_ticks - self.ticks))

    def _reason(self, token: int) -> str:
        if self.ended:
            return "the piece has ended"
        if token < 0 or token >= VOCABULARY:
            return f"events go from 0 to {VOCABULARY - 1}"
        if self._after_velocity:
            return "a velocity is followed by a note on"
        return _reason_of(token, bool(self.sounding[token % PITCHES]))


def _reason_of(token: int, sounding: bool) -> str:
    if token < NOTE_OFF:
        return "the pitch sounds already" if sounding else "onsets of one tick go upwards"
    if token < SHIFT:
        return "ends come before onsets, low ones first" if sounding else "the pitch does not sound"
    if token < VELOCITY:
        return "a shift of less than a second is the last of its gap"
    if token < EVENTS:
        return "a velocity is written where it changes"
    return "notes sound still" if token == EOS else "padding and start stand outside a piece"


@dataclass(frozen=True, slots=True)
class Fault:
    """An event that the grammar does not allow: its place, the event, why."""

    index: int
    token: int
    reason: str


def grammar_faults(tokens: np.ndarray) -> list[Fault]:
    """Events (L,) that may not stand where they stand, everything before being taken as it is."""
    tokens = np.asarray(tokens, dtype=np.int64)
    masks = allowed_masks(tokens)
    wrong = np.flatnonzero(~masks[np.arange(len(tokens)), tokens])
    sounding = _sounding_before(tokens)
    faults = []
    for index in wrong.tolist():
        token = int(tokens[index])
        if index and VELOCITY <= tokens[index - 1] < EVENTS:
            reason = "a velocity is followed by a note on"
        else:
            reason = _reason_of(token, bool(sounding[index, token % PITCHES]))
        faults.append(Fault(index, token, reason))
    return faults


def allowed_masks(tokens: np.ndarray) -> np.ndarray:
    """(L, 391) what was allowed before each event of a piece (L,), all at once.

    The piece begins with its first event, without SOS; EOS is allowed as its last.
    """
    tokens = np.asarray(tokens, dtype=np.int64)
    length = len(tokens)
    before = np.concatenate([[-1], tokens[:-1]])[:length]
    shift = (before >= SHIFT) & (before < VELOCITY)
    velocity = (before >= VELOCITY) & (before < EVENTS)
    sounding = _sounding_before(tokens)
    last_on, last_off = _last_keys(before, shift)
    loud = _filled(np.where(velocity, before - VELOCITY, _NOBODY))
    onset = ~sounding & (last_on[:, None] < _PITCH)
    masks = np.zeros((length, VOCABULARY), dtype=bool)
    free = ~velocity
    masks[:, :NOTE_OFF] = onset & (velocity | (loud != _NOBODY))[:, None]
    may_end = free & (last_on == _NOBODY)
    masks[:, _OFFS] = sounding & (last_off[:, None] < _PITCH) & may_end[:, None]
    closed = shift & (before < VELOCITY - 1)
    masks[:, _SHIFTS] = (free & ~closed & (np.arange(length) > 0))[:, None]
    changes = np.arange(VELOCITY_BINS) != loud[:, None]
    masks[:, _VELOCITIES] = changes & (free & onset.any(1))[:, None]
    masks[:, EOS] = free & ~shift & ~sounding.any(1)
    masks[np.maximum.accumulate(before == EOS)] = False
    return masks


def _sounding_before(tokens: np.ndarray) -> np.ndarray:
    """(L, 128) which pitches sound before each event; what cannot happen changes nothing."""
    key = np.flatnonzero((tokens >= 0) & (tokens < SHIFT))
    latest = np.zeros((len(tokens) + 1, PITCHES), dtype=np.int64)
    # The latest key event of a pitch decides; its index carries whether it was an onset.
    latest[key + 1, tokens[key] % PITCHES] = 2 * (key + 1) + (tokens[key] < NOTE_OFF)
    return (np.maximum.accumulate(latest, 0)[:-1] & 1).astype(bool)


def _last_keys(before: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Latest onset and end (L,) at the present tick, -1 for none."""
    index = np.arange(len(before))
    tick_began = np.maximum.accumulate(np.where(shift, index, 0))
    found = []
    for low, high in ((0, NOTE_OFF), (NOTE_OFF, SHIFT)):
        hit = (before >= low) & (before < high)
        place = np.maximum.accumulate(np.where(hit, index, -1))
        here = (place >= 0) & (place >= tick_began)
        found.append(np.where(here, before[np.maximum(place, 0)] - low, _NOBODY))
    return found[0], found[1]


def _filled(values: np.ndarray) -> np.ndarray:
    """The latest value that is not -1."""
    place = np.maximum.accumulate(np.where(values >= 0, np.arange(len(values)), 0))
    return values[place] if len(values) else values
