"""The melody of a piece: the line of its highest notes, made singable.

The skyline algorithm of Uitdenbogerd and Zobel, "Melodic Matching Techniques for Large Music
Databases" (ACM Multimedia 1999): of notes that begin together the highest, cut where the next one
begins.  Three additions: only the highest part is read, notes far below the line (an accompaniment
heard while the melody rests) are left out, and short gaps are closed, as a singer would.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from partimento.music.barpiece import TICKS, BarPiece, bar_piece
from partimento.music.grid import VOICE_RANGES
from partimento.music.instruments import INSTRUMENT_ID

FAR_BELOW = 12
"""Semitones under the middle of the line from which a note belongs to another one."""
LONGEST_GAP = TICKS
"""Ticks of silence between two notes that are closed; longer ones are rests."""

DOUBLED: dict[str, tuple[str, int]] = {
    "4/4": ("4/4", 2), "2/2": ("4/4", 2), "3/4": ("3/4", 2), "2/4": ("4/4", 1),
    "5/4": ("5/4", 2), "6/4": ("3/4", 4), "7/4": ("7/4", 2), "6/8": ("3/4", 2),
    "9/8": ("3/4", 3), "12/8": ("3/4", 4), "3/8": ("3/4", 1), "4/8": ("4/4", 1),
    "2/8": ("2/4", 1), "5/8": ("5/4", 1), "7/8": ("7/4", 1),
}  # fmt: skip
"""Meter -> the meter in doubled note values, and how many of its bars one bar becomes."""


def melody(piece: BarPiece) -> BarPiece:
    """The melody of a piece as one line for a soprano: at most one note at a time.

    Empty bars at both ends are left out.  The line is moved by whole octaves to where most of it
    lies in the soprano's range (:data:`partimento.music.grid.VOICE_RANGES`); notes that are still
    outside are folded in.

    Raises ValueError for a piece without notes.
    """
    if len(piece) == 0:
        raise ValueError("a piece without notes has no melody")
    line = _skyline(piece.select(piece.instrument == _highest_part(piece)))
    line = _near(line)
    last = int(line.onset.max()) // line.bar_ticks
    line = _sung(without_lead(line.excerpt(0, last + 1)))
    pitch = in_range(line.pitch, *VOICE_RANGES[0])
    choir = np.full(len(line), INSTRUMENT_ID["choir"])
    return bar_piece(
        line.onset, line.duration, pitch, line.velocity, choir,
        meter=line.meter, bars=line.bars, tempo_bpm=line.tempo_bpm, tempo_stated=line.tempo_stated,
    )  # fmt: skip


def broadened(line: BarPiece) -> BarPiece:
    """A line in doubled note values and tempo, where it moves in eighths and faster.

    A chorale moves in quarters and changes its chord on each; under a line of eighths the same
    chords would rush.  A line that moves in quarters, and one in a meter that is not in
    :data:`DOUBLED`, stays as it is.
    """
    if float(np.median(line.duration)) >= TICKS or line.meter not in DOUBLED:
        return line
    meter, count = DOUBLED[line.meter]
    return replace(
        line, onset=2 * line.onset, duration=2 * line.duration, meter=meter,
        bars=count * line.bars, tempo_bpm=2 * line.tempo_bpm,
    )  # fmt: skip


def closing(line: BarPiece, tonic: int, most_bars: int, usual_bars: int) -> BarPiece:
    """The beginning of a line that is too long, if possible up to a long note on the tonic.

    A line of at most ``most_bars`` bars stays whole.  Of a longer one everything up to the last
    note on the pitch class ``tonic`` that fills at least half a bar and ends by ``most_bars``,
    held to the bar line; without such a note in the second half the first ``usual_bars`` bars.
    """
    if line.bars <= most_bars:
        return line
    end = line.onset + line.duration
    good = (line.pitch % 12 == tonic) & (line.duration >= line.bar_ticks // 2)
    good &= (end <= most_bars * line.bar_ticks) & (end > usual_bars * line.bar_ticks // 2)
    if not good.any():
        return line.excerpt(0, usual_bars)
    last = int(np.flatnonzero(good)[-1])
    bars = -(-int(end[last]) // line.bar_ticks)
    kept = line.select(np.arange(last + 1))
    duration = kept.duration.copy()
    duration[last] = bars * line.bar_ticks - kept.onset[last]
    return replace(kept, duration=duration, bars=bars)


def without_lead(line: BarPiece) -> BarPiece:
    """The line without whole bars of silence at its start."""
    first = int(line.onset.min()) // line.bar_ticks
    return line.excerpt(first, line.bars - first) if first else line


def in_range(pitch: np.ndarray, low: int, high: int, few: float = 0.0) -> np.ndarray:
    """Pitches (N,) moved together by the octaves that bring most of them into a range.

    Of equally good moves the smallest; with ``few``, the smallest that leaves at most this share
    outside.  What is still outside is folded in note by note.  Raises ValueError for a range of
    less than an octave, into which not every note folds.
    """
    if high - low < 11:
        raise ValueError("a range must hold every pitch class")
    moves = sorted(range(-60, 61, 12), key=abs)
    inside = [float(((pitch + m >= low) & (pitch + m <= high)).mean()) for m in moves]
    enough = [share >= 1.0 - few for share in inside]
    moved = pitch + moves[enough.index(True) if any(enough) else int(np.argmax(inside))]
    up = np.maximum(0, -(-(low - moved) // 12)) * 12
    down = np.maximum(0, -(-(moved - high) // 12)) * 12
    return np.asarray(moved + up - down)


def _highest_part(piece: BarPiece) -> int:
    """Id of the instrument whose notes lie highest, each weighted by its length."""
    found = np.unique(piece.instrument).tolist()

    def height(instrument: int) -> float:
        mine = piece.select(piece.instrument == instrument)
        return float(np.average(mine.pitch, weights=mine.duration))

    return max(found, key=height)


def _skyline(piece: BarPiece) -> BarPiece:
    """The highest note of every onset, unless a higher one is still held."""
    kept: list[int] = []
    order = np.lexsort((-piece.pitch, piece.onset))
    for i in order.tolist():
        if kept and piece.onset[kept[-1]] == piece.onset[i]:
            continue
        before = kept[-1] if kept else None
        if before is not None and piece.pitch[before] > piece.pitch[i]:
            end = piece.onset[before] + piece.duration[before]
            # A sixteenth of overlap is a bound touch, not a held note.
            if end - piece.onset[i] > TICKS // 4:
                continue
        kept.append(i)
    return piece.select(np.array(kept))


def _near(line: BarPiece) -> BarPiece:
    """The line without notes that lie far below its middle."""
    order = np.argsort(line.pitch, kind="stable")
    weight = np.cumsum(line.duration[order])
    middle = int(line.pitch[order][np.searchsorted(weight, weight[-1] / 2)])
    return line.select(line.pitch >= middle - FAR_BELOW)


def _sung(line: BarPiece) -> BarPiece:
    """Notes cut where the next begins, and held until it where the gap is short."""
    end = line.bars * line.bar_ticks
    following = np.append(line.onset[1:], end)
    gap = following - line.onset
    closed = gap - line.duration <= LONGEST_GAP
    duration = np.where(closed, gap, np.minimum(line.duration, gap))
    return bar_piece(
        line.onset, duration, line.pitch, line.velocity, line.instrument,
        meter=line.meter, bars=line.bars, tempo_bpm=line.tempo_bpm, tempo_stated=line.tempo_stated,
    )  # fmt: skip
