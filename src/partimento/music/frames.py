"""Where each 16th-note frame of a score lies in its bar, beat, phrase and key.

Frame ``t`` starts at ``origin + t / 4`` quarters.  Everything here is computed from the measures
and signatures alone, so the same numbers describe training pieces and a user's melody.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np

from partimento.music.measures import ensure_measures
from partimento.music.score import KeySignature, Measure, Note, Score, TimeSignature

FRAME_QUARTER = Fraction(1, 4)
"""Length of one frame in quarters (a 16th note)."""

_Signature = TypeVar("_Signature", TimeSignature, KeySignature)
_COMMON_TIME = TimeSignature(Fraction(0), 4, 4)


@dataclass(frozen=True, slots=True)
class Bar:
    """A measure with its meter; ``offset_quarter`` is what an incomplete bar lacks at its start."""

    measure: Measure
    meter: TimeSignature
    offset_quarter: Fraction

    def phase(self, onset: Fraction) -> Fraction:
        """Quarters from the start of the (virtual) full bar to ``onset``."""
        return (onset - self.measure.onset_quarter + self.offset_quarter) % self.meter.bar_quarter

    def beat(self, onset: Fraction) -> Fraction:
        """Beat number counted from 1, with its fraction (2.5 is half-way after beat 2)."""
        return 1 + self.phase(onset) / beat_quarter(self.meter)


def beat_quarter(meter: TimeSignature) -> Fraction:
    """Length of one beat in quarters: a dotted value in 6/8, 9/8, 12/8 and their kin.

    >>> beat_quarter(TimeSignature(Fraction(0), 6, 8))
    Fraction(3, 2)
    >>> beat_quarter(TimeSignature(Fraction(0), 3, 8))
    Fraction(1, 2)
    """
    compound = meter.beat_type >= 8 and meter.beats > 3 and meter.beats % 3 == 0
    return Fraction(12 if compound else 4, meter.beat_type)


def beat_strength(phase: Fraction, meter: TimeSignature) -> int:
    """3 on the downbeat, 2 on another strong beat, 1 on a weak beat, 0 off the beat.

    Strong besides the downbeat is the middle of a bar of four, six or twelve (4/4, 6/8, 12/8,
    6/4) and the fourth beat of five, as the meters are counted: 6/8 is 3 0 0 2 0 0.
    """
    index, rest = divmod(phase, beat_quarter(meter))
    if rest:
        return 0
    if index == 0:
        return 3
    n_beats = int(meter.bar_quarter / beat_quarter(meter))
    compound = beat_quarter(meter).numerator == 3
    strong = {4: 2, 6: 3, 5: 3, 8: 4}.get(n_beats)
    if compound and n_beats == 2:
        strong = 1
    return 2 if index == strong else 1


def bars(score: Score) -> tuple[Bar, ...]:
    """The measures of the score with their meters, made from the meters where there are none.

    A short first measure is a pickup, counted from the end of a virtual full bar; a short measure
    after another short one completes it (a bar cut by a repeat sign).  Notes after the last
    measure get further measures.
    """
    found: list[Bar] = []
    measures = ensure_measures(score).measures
    for measure in measures:
        meter = signature_at(score.time_signatures, measure.onset_quarter) or _COMMON_TIME
        gap = max(Fraction(0), meter.bar_quarter - measure.duration_quarter)
        if not found:
            offset = gap if len(measures) > 1 or measure.implicit else Fraction(0)
        else:
            last = found[-1]
            filled = last.offset_quarter + last.measure.duration_quarter
            offset = gap if filled == gap else Fraction(0)
        found.append(Bar(measure, meter, offset))
    return tuple(found)


def signature_at(signatures: Iterable[_Signature], onset: Fraction) -> _Signature | None:
    """The last signature at or before ``onset``; None where none is in force."""
    chosen = None
    for signature in sorted(signatures, key=lambda s: s.onset_quarter):
        if signature.onset_quarter <= onset:
            chosen = signature
    return chosen


def grid_origin(score_bars: Sequence[Bar]) -> Fraction:
    """Time of frame 0 in quarters: 0, or just before it when a pickup is no whole number of 16ths.

    With a pickup of one 32nd the bar lines would fall between the frames; the grid then starts a
    fraction early, so that every later bar line is a frame.
    """
    if len(score_bars) < 2:
        return Fraction(0)
    rest = score_bars[1].measure.onset_quarter % FRAME_QUARTER
    return rest - FRAME_QUARTER if rest else Fraction(0)


def frame_times(n_frames: int, origin: Fraction) -> list[Fraction]:
    """Start of every frame in quarters from the start of the score."""
    return [origin + t * FRAME_QUARTER for t in range(n_frames)]


def frame_metadata(
    score: Score,
    n_frames: int,
    *,
    fermata_notes: Iterable[Note] = (),
    fifths: int = 0,
    origin: Fraction = Fraction(0),
) -> dict[str, np.ndarray]:
    """What a network is told about each frame, as int arrays of shape (n_frames,).

    ``bar_phase16``: 16ths since the start of the full bar; ``beat_strength``: 3, 2, 1 or 0 (see
    :func:`beat_strength`); ``fermata``: 1 while one of ``fermata_notes`` that carries a fermata
    sounds (the written head, not what is tied to it); ``bar_index``: measures from 0;
    ``key_fifths``: the key signature in force, ``fifths`` where the score states none.
    """
    score_bars = bars(score)
    starts = [b.measure.onset_quarter for b in score_bars]
    names = ("bar_phase16", "beat_strength", "fermata", "bar_index", "key_fifths")
    frames = {name: np.zeros(n_frames, dtype=np.int64) for name in names}
    for t, time in enumerate(frame_times(n_frames, origin)):
        index = max(0, bisect_right(starts, time) - 1)
        bar = score_bars[index]
        phase = bar.phase(time)
        key = signature_at(score.key_signatures, time)
        frames["bar_phase16"][t] = int(phase / FRAME_QUARTER)
        frames["beat_strength"][t] = beat_strength(phase, bar.meter)
        frames["bar_index"][t] = index
        frames["key_fifths"][t] = fifths if key is None else key.fifths
    for note in fermata_notes:
        if note.fermata:
            first, last = frame_span(note.onset_quarter, note.end_quarter, origin)
            frames["fermata"][first:last] = 1
    return frames


def frame_span(start: Fraction, end: Fraction, origin: Fraction) -> tuple[int, int]:
    """Frames whose start lies in ``[start, end)``, as a half-open range from 0."""
    first = -((origin - start) // FRAME_QUARTER)
    last = -((origin - end) // FRAME_QUARTER)
    if origin < 0 and start <= 0 < end:  # the early first frame shows what sounds at time 0
        first = 0
    return max(0, int(first)), max(0, int(last))
