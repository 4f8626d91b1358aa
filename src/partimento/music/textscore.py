"""What the readers of the text formats (ABC, Humdrum) share: bars from bar lines."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from partimento.music.measures import ensure_measures
from partimento.music.score import Measure, Score, TimeSignature

MAX_QUARTERS = 100_000
"""Longest score that a text may describe."""


@dataclass(slots=True)
class BarLine:
    """A bar line and what is written at it.  ``ending`` opens a bracket ("1", "2", "1,3")."""

    onset_quarter: Fraction
    repeat_end: bool = False
    repeat_start: bool = False
    ending: str | None = None
    style: str | None = None
    number: str | None = None

    def merge(self, other: BarLine) -> None:
        """Add what a second bar line at the same time says."""
        self.repeat_end |= other.repeat_end
        self.repeat_start |= other.repeat_start
        self.ending = other.ending or self.ending
        self.style = other.style or self.style
        self.number = other.number or self.number


def merge_bar_lines(lines: Sequence[BarLine], end: Fraction) -> list[BarLine]:
    """One bar line per time, sorted, with bar lines at 0 and at ``end``."""
    merged: dict[Fraction, BarLine] = {Fraction(0): BarLine(Fraction(0))}
    for line in lines:
        merged.setdefault(line.onset_quarter, BarLine(line.onset_quarter)).merge(line)
    merged.setdefault(end, BarLine(end))
    return [merged[t] for t in sorted(merged)]


def measures_from_bar_lines(
    lines: Sequence[BarLine], meters: Sequence[TimeSignature], end: Fraction
) -> tuple[Measure, ...]:
    """Bars between bar lines.

    A first bar shorter than its meter is a pickup ("0", implicit) when another bar follows.  A
    short bar that completes the short bar before it (a repeat sign inside a bar) is implicit, with
    number ``X1``, ``X2``...  An ending's bracket lasts until a repeat, a double bar or the next
    bracket.
    """
    bars = merge_bar_lines(lines, end)
    measures: list[Measure] = []
    number, extra, ending = 1, 0, None
    for left, right in itertools.pairwise(bars):
        length = right.onset_quarter - left.onset_quarter
        full = _bar_length(meters, left.onset_quarter)
        previous = measures[-1] if measures else None
        pickup = previous is None and full is not None and length < full and len(bars) > 2
        completes = (
            previous is not None
            and not previous.implicit
            and full is not None
            and previous.duration_quarter + length == full
            and (previous.repeat_end or left.repeat_start or left.style is not None)
        )
        if left.ending:
            ending = left.ending
        elif left.repeat_end or left.repeat_start or left.style:
            ending = None
        if pickup:
            label = "0"
        elif completes:
            extra += 1
            label = f"X{extra}"
        else:
            label = left.number or str(number)
            number = int(label) + 1 if label.isdecimal() else number + 1
        measures.append(
            Measure(
                left.onset_quarter,
                length,
                label,
                implicit=pickup or completes,
                repeat_start=left.repeat_start,
                repeat_end=right.repeat_end,
                endings=tuple(ending.split(",")) if ending else (),
                bar_style=right.style,
            )
        )
    return tuple(measures)


def _bar_length(meters: Sequence[TimeSignature], onset: Fraction) -> Fraction | None:
    current = None
    for meter in meters:
        if meter.onset_quarter <= onset:
            current = meter
    return current.bar_quarter if current else None


def with_measures(score: Score, lines: Sequence[BarLine]) -> Score:
    """The score with bars from its bar lines, or from its meters where there are none."""
    end = score.end_quarter
    inner = [line for line in lines if 0 < line.onset_quarter < end]
    if not inner and not any(line.onset_quarter == end for line in lines):
        return ensure_measures(score)
    measures = measures_from_bar_lines(lines, score.time_signatures, end)
    return replace(score, measures=measures)
