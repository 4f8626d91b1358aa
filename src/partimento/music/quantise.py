"""From clock ticks to exact note times: each beat takes the simplest division that fits it.

The divisions tried keep 16ths, 32nds, triplets of all of them, quintuplets and septuplets.  Where
none fits to the tick, the beat was played rather than typed in, and the best of the common
divisions is taken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_DIVISIONS = (1, 2, 4, 3, 8, 6, 12, 16, 5, 24, 7)
"""Divisions of a quarter, simplest first."""
_PLAYED = ((1, 0.0), (2, 0.008), (4, 0.016), (3, 0.020), (6, 0.032))
"""Divisions for played beats, with the error in quarters that each must save to be chosen."""
PLAYED_SHARE = 0.1
"""Share of onsets that fit no division above which the notes count as a performance."""
_COARSE = (1, 2, 4, 3)
_LEGATO_DIVISION = 8
"""Notes that end within a 32nd before the next one are written as lasting until it."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """Onsets and ends in quarters, parallel to the ticks, and how many onsets fitted no grid."""

    onsets: list[Fraction]
    ends: list[Fraction]
    misfits: int


def quantise(onsets: Sequence[int], ends: Sequence[int], ticks_per_quarter: int) -> Quantised:
    """Exact times of notes given in ticks (non-negative, ends after onsets).

    >>> q = quantise([0, 160, 320, 480], [155, 315, 475, 935], 480)
    >>> [str(x) for x in q.onsets], [str(x) for x in q.ends]
    (['0', '1/3', '2/3', '1'], ['1/3', '2/3', '1', '2'])
    """
    divisions, fits = _beat_divisions(onsets, ticks_per_quarter)
    misfits = sum(not fits[t // ticks_per_quarter] for t in onsets)
    if misfits > PLAYED_SHARE * len(onsets):
        # In a performance a beat fits a fine division by chance only.
        divisions = _played_divisions(onsets, ticks_per_quarter)
    placed = [_snap(t, divisions[t // ticks_per_quarter], ticks_per_quarter) for t in onsets]
    order = sorted(set(zip(onsets, placed, strict=True)))
    ticks, times = [t for t, _ in order], [p for _, p in order]
    stops = []
    for onset, end, start in zip(onsets, ends, placed, strict=True):
        division = divisions[onset // ticks_per_quarter]
        stop = _end(onset, end, division, ticks_per_quarter, (ticks, times))
        stops.append(stop if stop > start else start + Fraction(1, max(division, 4)))
    return Quantised(placed, stops, misfits)


def _tolerance(ticks_per_quarter: int) -> float:
    """Ticks by which a typed-in note may be off through rounding."""
    return min(1.0, ticks_per_quarter / 96)


def _error(tick: int, division: int, ticks_per_quarter: int) -> float:
    """Distance in ticks from the nearest place of a division."""
    step = ticks_per_quarter / division
    return abs(tick - round(tick / step) * step)


def _snap(tick: int, division: int, ticks_per_quarter: int) -> Fraction:
    # Integer arithmetic: floats would misplace late notes of files with a fine clock.
    return Fraction((2 * tick * division + ticks_per_quarter) // (2 * ticks_per_quarter), division)


def _beat_divisions(
    onsets: Sequence[int], ticks_per_quarter: int
) -> tuple[dict[int, int], dict[int, bool]]:
    """Per beat its division, and whether that division fits to the tick."""
    divisions: dict[int, int] = {}
    fits: dict[int, bool] = {}
    for beat, offsets in _beats(onsets, ticks_per_quarter).items():
        division = _fitting(offsets, _DIVISIONS, ticks_per_quarter)
        fits[beat] = division is not None
        divisions[beat] = division or _played(offsets, ticks_per_quarter)
    return divisions, fits


def _played_divisions(onsets: Sequence[int], ticks_per_quarter: int) -> dict[int, int]:
    beats = _beats(onsets, ticks_per_quarter)
    return {beat: _played(offsets, ticks_per_quarter) for beat, offsets in beats.items()}


def _beats(onsets: Sequence[int], ticks_per_quarter: int) -> dict[int, set[int]]:
    """Ticks after the beat, per beat."""
    beats: dict[int, set[int]] = {}
    for tick in onsets:
        beats.setdefault(tick // ticks_per_quarter, set()).add(tick % ticks_per_quarter)
    return beats


def _fitting(offsets: set[int], divisions: Sequence[int], ticks_per_quarter: int) -> int | None:
    tolerance = _tolerance(ticks_per_quarter)
    for division in divisions:
        if all(_error(t, division, ticks_per_quarter) <= tolerance for t in offsets):
            return division
    return None


def _played(offsets: set[int], ticks_per_quarter: int) -> int:
    def cost(choice: tuple[int, float]) -> float:
        division, price = choice
        total = sum(_error(t, division, ticks_per_quarter) for t in offsets)
        return total / len(offsets) / ticks_per_quarter + price

    return min(_PLAYED, key=cost)[0]


def _end(
    onset: int,
    end: int,
    division: int,
    ticks_per_quarter: int,
    starts: tuple[list[int], list[Fraction]],
) -> Fraction:
    """Where a note stops: on the next note when it comes soon, else on the nearest division."""
    ticks, times = starts
    tolerance = _tolerance(ticks_per_quarter)
    following = bisect_left(ticks, end - tolerance)
    gap = ticks[following] - end if following < len(ticks) else ticks_per_quarter
    if gap <= tolerance:
        return times[following]
    coarse = _fitting({end}, _COARSE, ticks_per_quarter)
    if coarse is not None:
        return _snap(end, coarse, ticks_per_quarter)
    if gap <= min(ticks_per_quarter / _LEGATO_DIVISION, (end - onset) / 3):
        return times[following]
    fine = _fitting({end}, _DIVISIONS, ticks_per_quarter)
    if fine is not None:
        return _snap(end, fine, ticks_per_quarter)
    return _snap(end, division if division in (3, 6, 12) else max(division, 4), ticks_per_quarter)
