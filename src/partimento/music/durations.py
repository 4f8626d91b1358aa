"""Durations as notation writes them: note types, dots, tuplet ratios, and splitting by ties.

A duration of ``n/d`` quarters with an odd factor ``m`` in ``d`` is written with the time
modification ``m : p``, p the largest power of two below m (3:2, 5:4, 7:4, 9:8 ...).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, lcm

TYPES: dict[str, Fraction] = {
    "maxima": Fraction(32),
    "long": Fraction(16),
    "breve": Fraction(8),
    "whole": Fraction(4),
    "half": Fraction(2),
    "quarter": Fraction(1),
    "eighth": Fraction(1, 2),
    "16th": Fraction(1, 4),
    "32nd": Fraction(1, 8),
    "64th": Fraction(1, 16),
    "128th": Fraction(1, 32),
    "256th": Fraction(1, 64),
    "512th": Fraction(1, 128),
    "1024th": Fraction(1, 256),
}
"""Quarter notes per MusicXML note type."""
_NAMES = {quarter: name for name, quarter in TYPES.items()}
_DOTS = {1: 0, 3: 1, 7: 2}
"""Dots by the odd part of the numerator: 3/2 is a dotted, 7/4 a doubly dotted value."""
_STEPS = tuple(Fraction(2) ** k for k in range(5, -9, -1))


@dataclass(frozen=True, slots=True)
class NoteValue:
    """A written value: ``type`` with ``dots``, played ``actual`` in the time of ``normal``."""

    type: str
    dots: int = 0
    actual: int = 1
    normal: int = 1

    @property
    def quarter(self) -> Fraction:
        """Sounding length in quarters."""
        dotted = TYPES[self.type] * (2 - Fraction(1, 2**self.dots))
        return dotted * Fraction(self.normal, self.actual)


def odd_part(number: int) -> int:
    """The largest odd divisor.

    >>> odd_part(24), odd_part(8)
    (3, 1)
    """
    return number // (number & -number)


def tuplet_of(position: Fraction, duration: Fraction) -> int:
    """Notes per tuplet (1: none) that a note needs, from where it stands and how long it is."""
    return odd_part(lcm(position.denominator, duration.denominator))


def normal_notes(actual: int) -> int:
    """The number of plain notes in whose time ``actual`` notes are played."""
    return int(1 << (actual - 1).bit_length() - 1) if actual > 1 else 1


@lru_cache(maxsize=4096)
def note_value(duration: Fraction, actual: int = 1) -> NoteValue | None:
    """The value of a duration inside a tuplet of ``actual`` notes; None when no single one fits.

    >>> note_value(Fraction(3, 2))
    NoteValue(type='quarter', dots=1, actual=1, normal=1)
    >>> note_value(Fraction(2, 3), 3)
    NoteValue(type='quarter', dots=0, actual=3, normal=2)
    >>> note_value(Fraction(5, 4)) is None
    True
    """
    if duration <= 0:
        return None
    normal = normal_notes(actual)
    written = duration * actual / normal
    dots = _DOTS.get(odd_part(written.numerator))
    if dots is None:
        return None
    name = _NAMES.get(written / (2 - Fraction(1, 2**dots)))
    return None if name is None else NoteValue(name, dots, actual, normal)


@lru_cache(maxsize=8192)
def split_note(
    position: Fraction, duration: Fraction, beat: Fraction = Fraction(1)
) -> tuple[Fraction, ...]:
    """Lengths of the tied note heads that write a duration; one length where one head will do.

    ``position`` counts from the bar line, ``beat`` is the beat in quarters (3/2 in 6/8).  Cuts
    fall on the strongest places inside the note.

    >>> [str(x) for x in split_note(Fraction(0), Fraction(5, 4))]
    ['1', '1/4']
    """
    if note_value(duration, tuplet_of(position, duration)) is not None:
        return (duration,)
    cut = _strongest_inside(position, position + duration, beat)
    if cut is None:
        return (duration,)
    first = split_note(position, cut - position, beat)
    return first + split_note(cut, position + duration - cut, beat)


@lru_cache(maxsize=8192)
def split_rest(
    position: Fraction, duration: Fraction, beat: Fraction = Fraction(1)
) -> tuple[Fraction, ...]:
    """Lengths of the rests that fill a gap; rests do not hide a beat as notes may.

    >>> [str(x) for x in split_rest(Fraction(1, 2), Fraction(7, 2))]
    ['1/2', '1', '2']
    """
    tuplet = tuplet_of(position, duration)
    value = note_value(duration, tuplet)
    if value is not None:
        within_beat = floor(position / beat) + 1 >= ceil((position + duration) / beat)
        aligned = value.dots == 0 and position % duration == 0
        if aligned or (tuplet > 1 and within_beat) or (duration == beat and position % beat == 0):
            return (duration,)
    cut = _strongest_inside(position, position + duration, beat)
    if cut is None:
        return (duration,)
    first = split_rest(position, cut - position, beat)
    return first + split_rest(cut, position + duration - cut, beat)


def _strongest_inside(start: Fraction, end: Fraction, beat: Fraction) -> Fraction | None:
    """The metrically strongest place strictly between two places of a bar."""
    odd = odd_part(lcm(start.denominator, end.denominator))
    compound = (beat,) if odd_part(beat.numerator) > 1 else ()
    whole = tuple(s for s in _STEPS if s >= 1)
    # Inside a tuplet the places of the tuplet come first: a triplet is not cut at its half.
    fine = tuple(s for s in _STEPS if s < 1)
    steps = (*compound, *whole, *(s * normal_notes(odd) / odd for s in fine if odd > 1), *fine)
    for step in steps:
        place: Fraction = (floor(start / step) + 1) * step
        if place < end:
            return place
    return None
