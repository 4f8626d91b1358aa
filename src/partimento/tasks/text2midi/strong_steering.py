"""Steering: a gentle pull towards the density and register that were asked for.

A model that has drifted from what was asked goes on drifting, because it also believes its own
past.  The pull is an exponential tilt (as in importance sampling) of the next step's distribution,
in proportion to how far the piece so far is off; a piece on its way feels nothing.  It belongs to
guidance: at a guidance of 1 there is none.
"""

from __future__ import annotations

import numpy as np

from partimento.music.attributes import LEVEL_EDGES, LEVELS, Attributes
from partimento.music.barpiece import TICKS
from partimento.tasks.text2midi.steps import BAR, PITCHES, PLACES, Tracker

STRONGEST = 1.5
PITCH_PULL = 0.02
"""Nats per semitone of the tilt, for each semitone that the mean pitch is off."""
TIME_PULL = 8.0
"""Nats per octave of waiting (twice as long), where the density is off by a factor of e."""
_FARTHEST_PITCH, _FARTHEST_LOG = 12.0, 1.0
_IMAGINED, _USUAL_DENSITY = 4.0, 3.5
_USUAL_PITCH = 66.0


class Steering:
    """Tilts for one piece; ``strength`` is guidance - 1, at most 1.5 and never below 0."""

    def __init__(self, asked: Attributes, tracker: Tracker, strength: float) -> None:
        self.tracker, self.strength = tracker, float(np.clip(strength, 0.0, STRONGEST))
        self.density = bounds(asked, "density")
        self.register = bounds(asked, "register")

    def places(self) -> np.ndarray:
        """(PLACES,) nats to add: near places where too little has been played, far ones where
        too much.

        The tilt goes with the logarithm of the wait, as rhythm does: an eighth instead of a
        quarter counts as much as a sixteenth instead of an eighth.
        """
        tilt = np.zeros(PLACES, dtype=np.float32)
        tracker = self.tracker
        if self.density is None or not self.strength:
            return tilt
        # A few imagined notes at the usual rate make the beginning neither blind nor jumpy.
        seconds = tracker.now * tracker.tick_sec + _IMAGINED / _USUAL_DENSITY
        off = _outside(np.log((tracker.notes + _IMAGINED) / seconds), *np.log(self.density))
        off = float(np.clip(off, -_FARTHEST_LOG, _FARTHEST_LOG))
        wait = np.arange(PLACES) - float(tracker.place)
        wait[BAR] = tracker.bar_ticks - tracker.place
        tilt[:] = -self.strength * TIME_PULL * off * np.log2((wait.clip(0) + 3) / TICKS)
        return tilt

    def pitches(self) -> np.ndarray:
        """(P,) nats to add: upwards where the piece lies too low."""
        tilt = np.zeros(PITCHES, dtype=np.float32)
        tracker = self.tracker
        if self.register is None or not self.strength:
            return tilt
        mean = tracker.pitch_sum / tracker.notes if tracker.notes else _USUAL_PITCH
        off = float(np.clip(_outside(mean, *self.register), -_FARTHEST_PITCH, _FARTHEST_PITCH))
        tilt[:] = self.strength * PITCH_PULL * off * (np.arange(PITCHES) - mean)
        return tilt


def bounds(asked: Attributes, name: str) -> tuple[float, float] | None:
    """Between which values the attribute should lie: the number itself, or its word's level."""
    if name in asked.numbers:
        value = float(asked.numbers[name])
        return value, value
    word = getattr(asked, name)
    if word is None:
        return None
    edges = LEVEL_EDGES[name]
    ends = {"density": (0.5, 40.0), "register": (24.0, 100.0)}[name]
    spans = ((ends[0], edges[0]), edges, (edges[1], ends[1]))
    return spans[LEVELS[name].index(word)]


def _outside(value: float, low: float, high: float) -> float:
    """How far the value must rise (positive) or fall to lie in the span; 0 inside."""
    return max(low - value, 0.0) + min(high - value, 0.0)
