"""Bars for scores that have none (MIDI), or whose notes go on after the last bar."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from partimento.core.errors import MusicError
from partimento.music.score import Measure, Score, TimeSignature

MAX_MEASURES = 20_000
_FIRST_METER = TimeSignature(Fraction(0), 4, 4)


def ensure_measures(score: Score, pickup_quarter: Fraction = Fraction(0)) -> Score:
    """The score with bars from 0 to its last note, built from its time signatures.

    Bars that are there stay as they are.  A score without a time signature gets 4/4.
    ``pickup_quarter`` is the length of the first, incomplete bar (0: none); it counts only where
    the score has no bars.  A bar ends early where a new time signature comes.

    Raises MusicError when more than :data:`MAX_MEASURES` bars would be needed, ValueError for a
    negative pickup or note time.
    """
    if pickup_quarter < 0 or any(n.onset_quarter < 0 for n in score.notes[:1]):
        raise ValueError("times are counted from the start of the score and are not negative")
    meters = tuple(sorted(score.time_signatures, key=lambda t: t.onset_quarter))
    if not meters or meters[0].onset_quarter > 0:
        meters = (_FIRST_METER, *meters)
    measures = list(score.measures)
    position = measures[-1].end_quarter if measures else Fraction(0)
    end = max((n.end_quarter for n in score.notes), default=Fraction(0))
    if not measures and 0 < pickup_quarter < meters[0].bar_quarter:
        measures.append(Measure(position, pickup_quarter, "0", implicit=True))
        position = pickup_quarter
    number = _next_number(measures)
    while position < end or not measures:
        if len(measures) >= MAX_MEASURES:
            raise MusicError(f"the piece would need more than {MAX_MEASURES} bars")
        length = _bar_length(meters, position)
        measures.append(Measure(position, length, str(number)))
        position, number = position + length, number + 1
    if len(measures) == len(score.measures) and meters == score.time_signatures:
        return score
    return replace(score, measures=tuple(measures), time_signatures=meters)


def _next_number(measures: list[Measure]) -> int:
    if not measures:
        return 1
    number = measures[-1].number
    return int(number) + 1 if number.isdecimal() and len(number) < 10 else len(measures) + 1


def _bar_length(meters: tuple[TimeSignature, ...], position: Fraction) -> Fraction:
    """Length of the bar that starts at ``position``."""
    current, cut = meters[0], None
    for meter in meters:
        if meter.onset_quarter <= position:
            current = meter
        else:
            cut = meter.onset_quarter - position
            break
    return current.bar_quarter if cut is None else min(cut, current.bar_quarter)
