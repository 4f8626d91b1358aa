"""A piece as steps for the strong model: one step for every bar line and one for every note.

A step is known by its place in the bar, instrument, pitch, duration and velocity; bar lines have a
place only.  What the model may know of the past is kept by a :class:`Tracker`, which both training
and drawing use.

Shape suffixes: T steps, P 128 pitches, R recent notes, K bars looked back to.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from partimento.music.barpiece import LONGEST_BAR, TICKS, BarPiece
from partimento.music.instruments import INSTRUMENTS

PITCHES = 128
BAR = LONGEST_BAR
"""The place that says: the next bar begins (after the last bar: the piece ends)."""
PLACES = LONGEST_BAR + 1
NOWHERE = PLACES
"""No place is recalled."""
DURATIONS: tuple[int, ...] = (
    *(1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 15, 16, 18, 20, 21, 22, 24, 27, 28, 30, 32, 33, 36),
    *(40, 42, 45, 48, 54, 56, 60, 63, 64, 66, 72, 78, 80, 84, 90, 96, 108, 120, 126, 132, 144),
    *(168, 180, 192, 216, 240, 264, 288, 336, 384, 576, 768),
)
"""Lengths that can be said, in ticks; the order is stored in checkpoints."""
_DURATION = np.array(DURATIONS)
NO_DURATION = len(DURATIONS)
LOUDNESSES = 16
NO_LOUDNESS = LOUDNESSES
RECENT = 3
LOOK_BACK = (1, 2, 4, 8, 16)
NO_PITCH = -1
AGE_LIMIT = 8191
MOST_BARS = 64
DENSITY_EDGES = (0.8, 1.2, 1.7, 2.3, 3.0, 3.8, 4.8, 6.0, 7.6, 9.6, 12.5)
"""Notes a second, between twelve classes."""
REGISTER_EDGES = (46.0, 52.0, 56.0, 59.0, 62.0, 64.5, 67.0, 69.5, 72.0, 75.0, 79.0)
"""Mean MIDI pitch, between twelve classes."""
POLYPHONY_EDGES = (1.05, 1.4, 1.8, 2.2, 2.7, 3.3, 4.0, 5.0)
"""Mean notes at once, between nine classes."""
UNKNOWN_YET = len(DENSITY_EDGES) + 1
"""Class of what has been achieved so far, while nothing has."""


def duration_class(ticks: np.ndarray) -> np.ndarray:
    """Class of the longest duration that can be said and is not longer."""
    found: np.ndarray = np.searchsorted(_DURATION, ticks, side="right") - 1
    return np.maximum(found, 0)


def loudness_class(velocity: np.ndarray) -> np.ndarray:
    """Class of a velocity: sixteen of equal width."""
    found: np.ndarray = np.clip(velocity, 0, 127) // 8
    return found


def loudness_velocity(loudness: int) -> int:
    """The velocity in the middle of a class."""
    return 8 * loudness + 4


class Tracker:
    """The past of one piece, as the model sees it, while it is read or drawn.

    ``input()`` are the numbers of the step just taken; ``recalled_places()`` and
    ``recalled_notes()`` what stood at the same place some bars ago.  Raises ValueError for more
    than 64 bars.
    """

    def __init__(self, bar_ticks: int, bars: int, tempo_bpm: float) -> None:
        if not 1 <= bars <= MOST_BARS:
            raise ValueError(f"{bars} bars; there may be 1 to {MOST_BARS}")
        self.bar_ticks, self.bars = bar_ticks, bars
        self.tick_sec = 60.0 / tempo_bpm / TICKS
        self.bar = 0
        self.place = 0
        self.started = False
        """A note of this bar has been taken."""
        self.instrument = 0
        self.pitch, self.duration, self.loudness = NO_PITCH, NO_DURATION, NO_LOUDNESS
        self.struck = np.full(PITCHES, -AGE_LIMIT, dtype=np.int64)
        self.ends = np.zeros((len(INSTRUMENTS), PITCHES), dtype=np.int64)
        self.recent: deque[int] = deque([NO_PITCH] * RECENT, RECENT)
        self.notes, self.pitch_sum = 0, 0
        self.history: list[dict[int, list[tuple[int, int, int]]]] = [{}]
        """For every bar: place -> (instrument, pitch, duration class) in order."""

    @property
    def now(self) -> int:
        """Tick of the latest step."""
        return self.bar * self.bar_ticks + self.place

    @property
    def finished(self) -> bool:
        """All bars are over."""
        return self.bar >= self.bars

    def take_bar(self) -> None:
        """The next bar begins."""
        self.bar += 1
        self.place, self.started = 0, False
        self.pitch, self.duration, self.loudness = NO_PITCH, NO_DURATION, NO_LOUDNESS
        self.history.append({})

    def take_note(
        self, place: int, instrument: int, pitch: int, duration: int, loudness: int
    ) -> None:
        """A note; ``duration`` and ``loudness`` are classes."""
        self.place, self.started = place, True
        self.instrument, self.pitch = instrument, pitch
        self.duration, self.loudness = duration, loudness
        self.struck[pitch] = self.now
        self.ends[instrument, pitch] = self.now + DURATIONS[duration]
        self.recent.append(pitch)
        self.notes += 1
        self.pitch_sum += pitch
        self.history[-1].setdefault(place, []).append((instrument, pitch, duration))

    def input(self) -> tuple[int, ...]:
        """Numbers of the step just taken, in the order of :data:`INPUTS`."""
        return (
            BAR if not self.started else self.place,
            self.instrument if self.started else len(INSTRUMENTS),
            self.pitch,
            self.duration,
            self.loudness,
            min(self.bar, MOST_BARS),
            max(0, self.bars - self.bar),
            *self.achieved(),
        )

    def achieved(self) -> tuple[int, int]:
        """Classes of density and register so far; unknown in the first bar."""
        if self.bar == 0 or self.notes == 0:
            return UNKNOWN_YET, UNKNOWN_YET
        density = self.notes / (self.now * self.tick_sec)
        register = self.pitch_sum / self.notes
        return (
            int(np.searchsorted(DENSITY_EDGES, density, side="right")),
            int(np.searchsorted(REGISTER_EDGES, register, side="right")),
        )

    def ages(self) -> np.ndarray:
        """(P,) ticks since each pitch was struck, at most 8191."""
        return np.minimum(self.now - self.struck, AGE_LIMIT)

    def recalled_places(self) -> list[int]:
        """(K,) where the next onset was 1, 2, 4, 8, 16 bars ago; BAR if none was left there."""
        here = self.history[-1]
        places = []
        for back in LOOK_BACK:
            if back > self.bar:
                places.append(NOWHERE)
                continue
            then = self.history[self.bar - back]
            if self.started and len(then.get(self.place, ())) > len(here.get(self.place, ())):
                places.append(self.place)
                continue
            first = self.place + 1 if self.started else 0
            places.append(min((p for p in then if p >= first), default=BAR))
        return places

    def recalled_notes(self, place: int, instrument: int) -> list[tuple[int, int]]:
        """(K,) pitch and duration class of the note that stood at ``place`` some bars ago.

        Of several the one in the same order among the instrument's notes of that place.
        """
        turn = sum(n[0] == instrument for n in self.history[-1].get(place, ()))
        found = []
        for back in LOOK_BACK:
            then = () if back > self.bar else self.history[self.bar - back].get(place, ())
            mine = [n for n in then if n[0] == instrument]
            found.append(mine[turn][1:] if turn < len(mine) else (NO_PITCH, NO_DURATION))
        return found

    def open_pitches(self, place: int, instrument: int) -> np.ndarray:
        """(P,) bool: pitches that may be struck by ``instrument`` at ``place``."""
        time = self.bar * self.bar_ticks + place
        allowed: np.ndarray = self.ends[instrument] <= time
        if self.started and place == self.place and instrument == self.instrument:
            allowed[: self.pitch + 1] = False
        return allowed

    def open_places(self) -> np.ndarray:
        """(PLACES,) bool: where the next step may be; always the bar line."""
        allowed = np.zeros(PLACES, dtype=bool)
        allowed[self.place : self.bar_ticks] = True
        allowed[BAR] = True
        return allowed

    def left(self, place: int) -> int:
        """Ticks from ``place`` to the end of the last bar."""
        return self.bars * self.bar_ticks - (self.bar * self.bar_ticks + place)


INPUTS = (
    *("place", "instrument", "pitch", "duration", "loudness"),
    *("bar", "remaining", "density", "register"),
)
"""Columns of the inputs."""


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of a piece.  T positions: position 0 is the start of the first bar.

    ``inputs`` (T, 9) int16; ``age`` (T, P) int16; ``recent`` (T, R) int16; ``target`` (T, 5) int16:
    place, instrument, pitch, duration, loudness of the next step; ``recalled_place`` (T, K),
    ``recalled_pitch`` (T, K), ``recalled_duration`` (T, K) int16 for the next step's place and
    instrument; ``gap`` (T,) int16 ticks until it; ``open`` (T, P) bool pitches it may have.
    """

    inputs: np.ndarray
    age: np.ndarray
    recent: np.ndarray
    target: np.ndarray
    recalled_place: np.ndarray
    recalled_pitch: np.ndarray
    recalled_duration: np.ndarray
    gap: np.ndarray
    open: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


def sayable(piece: BarPiece) -> np.ndarray:
    """(N, 5) place, instrument, pitch, duration class, loudness class, with bars between them.

    Rows with place BAR (others 0) stand for bar lines; the last one ends the piece.
    """
    held = duration_class(piece.duration)
    bar, place = np.divmod(piece.onset, piece.bar_ticks)
    columns = (place, piece.instrument, piece.pitch, held, loudness_class(piece.velocity))
    notes = np.stack(columns, axis=1)
    lines = np.zeros((piece.bars, 5), dtype=np.int64)
    lines[:, 0] = BAR
    # A bar line stands after the notes of its bar.
    return np.insert(notes, np.searchsorted(bar, np.arange(piece.bars), side="right"), lines, 0)


def encode(piece: BarPiece) -> Steps:
    """The steps of a piece of at most 64 bars."""
    rows = sayable(piece)
    T = len(rows)
    tracker = Tracker(piece.bar_ticks, piece.bars, piece.tempo_bpm)
    inputs = np.zeros((T, len(INPUTS)), dtype=np.int16)
    age = np.zeros((T, PITCHES), dtype=np.int16)
    recent = np.zeros((T, RECENT), dtype=np.int16)
    places = np.full((T, len(LOOK_BACK)), NOWHERE, dtype=np.int16)
    notes = np.full((T, len(LOOK_BACK), 2), (NO_PITCH, NO_DURATION), dtype=np.int16)
    gap = np.zeros(T, dtype=np.int16)
    free = np.ones((T, PITCHES), dtype=bool)
    for t, (place, instrument, pitch, duration, loudness) in enumerate(rows.tolist()):
        inputs[t] = tracker.input()
        age[t] = tracker.ages()
        recent[t] = tracker.recent
        places[t] = tracker.recalled_places()
        if place == BAR:
            tracker.take_bar()
            continue
        gap[t] = place - tracker.place
        notes[t] = tracker.recalled_notes(place, instrument)
        free[t] = tracker.open_pitches(place, instrument)
        tracker.take_note(place, instrument, pitch, duration, loudness)
    return Steps(
        *(inputs, age, recent, rows.astype(np.int16), places, notes[..., 0], notes[..., 1]),
        gap,
        free,
    )


def decode(rows: np.ndarray, like: BarPiece) -> BarPiece:
    """The piece that rows of :func:`sayable` say, with meter, bars and tempo of ``like``."""
    bar, columns = 0, []
    for place, instrument, pitch, duration, loudness in rows.tolist():
        if place == BAR:
            bar += 1
            continue
        onset = bar * like.bar_ticks + place
        columns.append((onset, DURATIONS[duration], pitch, loudness_velocity(loudness), instrument))
    onset, held, pitch, loud, player = np.array(columns, dtype=np.int64).reshape(-1, 5).T
    return replace(like, onset=onset, duration=held, pitch=pitch, velocity=loud, instrument=player)
