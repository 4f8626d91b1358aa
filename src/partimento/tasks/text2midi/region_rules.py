"""The grammar inside a region: notes that stay are taken in their turn, new ones fit around them.

All notes of a piece are one sequence of steps.  The network proposes the next step of the whole
piece; what is known to come next is the next note that stays (in this bar), or the bar line.  A
proposal that lies before it and may be new is taken; one that lies at or behind it counts as the
proposal to come to it; one that lies before it but is known not to be there (an instrument that
stays) is impossible and drawn again.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np

from partimento.music.instruments import INSTRUMENTS
from partimento.tasks.text2midi.interface import Wish
from partimento.tasks.text2midi.region_window import Window
from partimento.tasks.text2midi.steps import (
    BAR,
    DURATIONS,
    PLACES,
    Tracker,
    loudness_velocity,
)
from partimento.tasks.text2midi.strong_rules import LEAST_SHARE, Rules

_DURATION = np.array(DURATIONS)
Verdict = Literal["new", "pass", "impossible"]


class RegionRules(Rules):
    """Masks for one draw of a region, the steps that it has taken and the notes that are new.

    ``hungry``: a new note must come as soon as one fits, so that the region is not left empty.
    """

    def __init__(self, wish: Wish, tracker: Tracker, window: Window, hungry: bool) -> None:
        super().__init__(wish, tracker)
        self.window, self.hungry = window, hungry
        # Whoever plays in the piece may be proposed; who may be new is the region's affair.
        self.band = np.ones(len(INSTRUMENTS), dtype=bool)
        self.wanted = []
        self.new_band = np.zeros(len(INSTRUMENTS), dtype=bool)
        self.new_band[list(window.region.band)] = True
        self.ahead = deque(window.forced)
        self._cache: dict[tuple[int, int], bool] = {}
        self._needed: np.ndarray | None = None
        self._needed_at = -1
        self.made: list[tuple[int, int, int, int, int]] = []
        """Onset (tick of the piece), duration, pitch, velocity, instrument of the new notes."""

    @property
    def next_kept(self) -> tuple[int, int, int, int, int] | None:
        """The next note that stays, if it stands in this bar."""
        if self.ahead and self.ahead[0][0] == self.tracker.bar:
            return self.ahead[0][1]
        return None

    def tick(self, place: int) -> int:
        """Tick of the piece at a place of this bar."""
        return self.window.offset + self.tracker.bar * self.tracker.bar_ticks + place

    # -- masks ------------------------------------------------------------------------------------

    def places(self) -> np.ndarray:
        """(PLACES,) where the next step may be proposed; for a hungry region where it must be."""
        must = self._must()
        return super().places() if must is None else must

    def players(self, chosen: np.ndarray) -> np.ndarray:
        """(I,) who may be proposed at the chosen place."""
        legal, place = super().players(chosen), int(chosen[0])
        wanted = list(self.window.region.band) if self._must() is not None else self._late()
        fitting = np.zeros(len(INSTRUMENTS), dtype=bool)
        fitting[[n for n in wanted if legal[n] and self._fits(place, n)]] = True
        return fitting if fitting.any() else legal

    def pitches(self, chosen: np.ndarray) -> np.ndarray:
        """(P,) pitches that may be new, and that of the note that stays."""
        place, instrument = int(chosen[0]), int(chosen[1])
        mask = self._open(place, instrument).copy()
        pitch = self._kept_pitch(place, instrument)
        if pitch is not None and self._must() is not None:
            mask[pitch:] = False
        elif pitch is not None:
            mask[pitch] = True
        return mask

    def durations(self, chosen: np.ndarray) -> np.ndarray:
        """(56,) durations that end with the region at the latest, and before a note that stays."""
        place, instrument, pitch = (int(x) for x in chosen[:3])
        if not self._open(place, instrument)[pitch]:
            # The note that stays was proposed: it brings its own.
            return np.ones(len(_DURATION), dtype=bool)
        room = self.window.region.room(self.tick(place), instrument, pitch)
        mask: np.ndarray = room >= _DURATION
        return mask

    def _open(self, place: int, instrument: int) -> np.ndarray:
        free = self.window.region.free(self.tick(place), instrument)
        free &= self.tracker.open_pitches(place, instrument)
        inside: np.ndarray = free & self.scale
        return inside if inside.any() else free

    def _kept_pitch(self, place: int, instrument: int) -> int | None:
        kept = self.next_kept
        return kept[2] if kept is not None and kept[:2] == (place, instrument) else None

    def _fits(self, place: int, instrument: int) -> bool:
        """Whether a new note of the instrument fits there, before the next one that stays."""
        if (place, instrument) not in self._cache:
            self._cache[place, instrument] = self._fitting(place, instrument)
        return self._cache[place, instrument]

    def _fitting(self, place: int, instrument: int) -> bool:
        kept = self.next_kept
        if not self.new_band[instrument] or (kept and (place, instrument) > kept[:2]):
            return False
        mask = self._open(place, instrument)
        pitch = self._kept_pitch(place, instrument)
        return bool(mask[:pitch].any())

    def _must(self) -> np.ndarray | None:
        """(PLACES,) where the first new note must be, if it must be now; else None."""
        if not self.hungry or self.made or self.tracker.bar < self.window.first_bar:
            return None
        if self._needed_at != len(self.taken):
            self._needed, self._needed_at = self._needed_places(), len(self.taken)
        return self._needed

    def _needed_places(self) -> np.ndarray | None:
        tracker = self.tracker
        kept = self.next_kept
        last = tracker.bar_ticks - 1 if kept is None else kept[0]
        mask = np.zeros(PLACES, dtype=bool)
        for place in range(tracker.place, last + 1):
            here = tracker.started and place == tracker.place
            first = tracker.instrument if here else 0
            mask[place] = any(self._fits(place, n) for n in self.window.region.band if n >= first)
        return mask if mask.any() else None

    def _late(self) -> list[int]:
        """Newcomers that have hardly played in the region; see ``LEAST_SHARE``."""
        if not self.window.newcomers:
            return []
        count = np.bincount([row[4] for row in self.made], minlength=len(INSTRUMENTS))
        notes = len(self.made) + len(self.window.forced) - len(self.ahead)
        least = max(1.0, LEAST_SHARE * notes / self.window.players)
        return [n for n in self.window.newcomers if count[n] < least]

    def gap(self) -> tuple[int, int] | None:
        """Where a newcomer that is late comes in: with the next note that stays, or the latest."""
        kept, tracker = self.next_kept, self.tracker
        for instrument in self._late():
            if kept is not None and self._fits(kept[0], instrument):
                return kept[0], instrument
            here = tracker.started and instrument >= tracker.instrument
            if here and self._fits(tracker.place, instrument):
                return tracker.place, instrument
        return None

    # -- steps ------------------------------------------------------------------------------------

    def reaches(self, place: int) -> bool:
        """Whether a proposed place is the next note's that stays or lies before it."""
        kept = self.next_kept
        return place != BAR and (kept is None or place <= kept[0])

    def verdict(self, place: int, instrument: int) -> Verdict:
        """What to make of a proposed instrument at a place that :meth:`reaches`."""
        kept = self.next_kept
        if kept is not None and place == kept[0]:
            if instrument > kept[1]:
                return "pass"
            if instrument == kept[1] and not self._fits(place, instrument):
                return "pass"
        return "new" if self._fits(place, instrument) else "impossible"

    def go_on(self) -> None:
        """The next note that stays is taken, or the bar line."""
        kept = self.next_kept
        if kept is None:
            self.take(BAR, 0, 0, 0, 0)
            return
        self.ahead.popleft()
        self.take(*kept)

    def take(self, place: int, instrument: int, pitch: int, duration: int, loudness: int) -> None:
        """The step is taken."""
        self._cache.clear()
        super().take(place, instrument, pitch, duration, loudness)

    def settle(self, chosen: np.ndarray) -> None:
        """A drawn note is taken; where the pitch reaches the note that stays, that one instead."""
        place, instrument, pitch, duration, loudness = (int(x) for x in chosen)
        kept = self._kept_pitch(place, instrument)
        if kept is not None and pitch >= kept:
            self.go_on()
            return
        tick, held = self.tick(place), DURATIONS[duration]
        self.made.append((tick, held, pitch, loudness_velocity(loudness), instrument))
        self.take(place, instrument, pitch, duration, loudness)
