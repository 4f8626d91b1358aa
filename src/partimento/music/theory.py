"""Intervals and the motion of two voices: the primitives every voice-leading rule is made of.

The motion tests take numpy arrays (or plain ints) and broadcast, so that the same definition
serves one pair of notes in a score, all pairs of a corpus, and all candidates of a decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partimento.music.score import Spelling

Pitches = int | NDArray[np.integer[Any]]
"""One MIDI pitch or an array of them."""

FIFTH = 7
OCTAVE = 0

_NATURAL_SEMITONES = (0, 2, 4, 5, 7, 9, 11)
_PERFECT_NUMBERS = (0, 3, 4)
_ORDINALS = (
    *("unison", "second", "third", "fourth", "fifth", "sixth", "seventh"),
    *("octave", "ninth", "tenth", "eleventh", "twelfth", "thirteenth"),
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A melodic interval by spelling.

    ``steps`` and ``semitones`` are signed (negative: downwards); C4 to F#4 is 3 steps and
    6 semitones, an augmented fourth.
    """

    steps: int
    semitones: int

    @property
    def alteration(self) -> int:
        """Semitones beyond perfect or major (positive), or below perfect or minor (negative)."""
        steps, semitones = self._upwards()
        natural = 12 * (steps // 7) + _NATURAL_SEMITONES[steps % 7]
        excess = semitones - natural
        if excess >= 0 or steps % 7 in _PERFECT_NUMBERS:
            return excess
        return min(0, excess + 1)

    @property
    def augmented(self) -> bool:
        """Wider than the perfect or major interval of the same number of steps."""
        return self.alteration > 0

    @property
    def diminished(self) -> bool:
        """Narrower than the perfect or minor interval of the same number of steps."""
        return self.alteration < 0

    @property
    def name(self) -> str:
        """For example ``augmented fourth``, ``minor seventh``, ``major ninth``."""
        steps, semitones = self._upwards()
        excess = self.alteration
        if excess > 0:
            quality = "augmented" if excess == 1 else "doubly augmented"
        elif excess < 0:
            quality = "diminished" if excess == -1 else "doubly diminished"
        elif steps % 7 in _PERFECT_NUMBERS:
            quality = "perfect"
        else:
            major = semitones - 12 * (steps // 7) == _NATURAL_SEMITONES[steps % 7]
            quality = "major" if major else "minor"
        number = _ORDINALS[steps] if steps < len(_ORDINALS) else f"interval of {steps + 1} steps"
        return f"{quality} {number}"

    def _upwards(self) -> tuple[int, int]:
        """Steps and semitones of the interval read upwards."""
        down = self.steps < 0 or (self.steps == 0 and self.semitones < 0)
        return (-self.steps, -self.semitones) if down else (self.steps, self.semitones)


def interval(start: Spelling, end: Spelling) -> Interval:
    """The melodic interval between two spelled notes.

    >>> interval(Spelling.parse("F4"), Spelling.parse("G#4")).name
    'augmented second'
    """
    return Interval(end.diatonic - start.diatonic, end.midi - start.midi)


def is_perfect(first: Pitches, second: Pitches, kind: int) -> NDArray[np.bool_]:
    """Whether two MIDI pitches stand a perfect fifth (``FIFTH``) or octave/unison (``OCTAVE``)
    apart, compounds included.  The order of the two does not matter, so that crossed voices at
    a fourth are no fifth.
    """
    return np.asarray(np.abs(np.asarray(first) - np.asarray(second)) % 12 == kind)


def parallel(
    upper: Pitches, lower: Pitches, next_upper: Pitches, next_lower: Pitches, kind: int
) -> NDArray[np.bool_]:
    """Parallel fifths or octaves: both voices move in one direction between two such intervals.

    Repeated notes and a single moving voice never count.  Pitches are MIDI numbers; mask
    silences before.
    """
    up, low = _motion(upper, next_upper), _motion(lower, next_lower)
    return np.asarray((up * low > 0) & _both_perfect(upper, lower, next_upper, next_lower, kind))


def contrary(
    upper: Pitches, lower: Pitches, next_upper: Pitches, next_lower: Pitches, kind: int
) -> NDArray[np.bool_]:
    """Fifths or octaves by contrary motion ("antiparallels", as from a fifth to a twelfth)."""
    up, low = _motion(upper, next_upper), _motion(lower, next_lower)
    return np.asarray((up * low < 0) & _both_perfect(upper, lower, next_upper, next_lower, kind))


def direct(
    upper: Pitches, lower: Pitches, next_upper: Pitches, next_lower: Pitches, kind: int
) -> NDArray[np.bool_]:
    """Direct (hidden) fifths or octaves: similar motion into the interval from another one, the
    upper voice leaping more than a whole tone.  Textbooks apply it to the outer voices only.
    """
    up, low = _motion(upper, next_upper), _motion(lower, next_lower)
    reached = is_perfect(next_upper, next_lower, kind) & ~is_perfect(upper, lower, kind)
    leap = np.abs(np.asarray(next_upper) - np.asarray(upper)) > 2
    return np.asarray((up * low > 0) & reached & leap)


def overlap(
    upper: Pitches, lower: Pitches, next_upper: Pitches, next_lower: Pitches
) -> NDArray[np.bool_]:
    """Overlap of neighbouring voices: the lower one rises above the note that the upper one
    leaves, or the upper one falls below the note that the lower one leaves, without crossing.
    """
    up, low = np.asarray(upper), np.asarray(lower)
    next_up, next_low = np.asarray(next_upper), np.asarray(next_lower)
    return np.asarray(((next_low > up) | (next_up < low)) & (next_up >= next_low))


def _motion(pitch: Pitches, next_pitch: Pitches) -> NDArray[np.int64]:
    """-1, 0 or 1: down, still, up."""
    return np.asarray(np.sign(np.asarray(next_pitch) - np.asarray(pitch)), dtype=np.int64)


def _both_perfect(
    upper: Pitches, lower: Pitches, next_upper: Pitches, next_lower: Pitches, kind: int
) -> NDArray[np.bool_]:
    both = is_perfect(upper, lower, kind) & is_perfect(next_upper, next_lower, kind)
    return np.asarray(both)
