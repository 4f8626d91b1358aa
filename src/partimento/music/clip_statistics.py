"""The statistics of a clip with or without its score, and of the clip without each of its bars.

Shape suffixes: M variants, F statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from partimento.core.errors import MusicError
from partimento.music.alignment import POOR_MATCH, Alignment, read_and_align
from partimento.music.performance import Performance
from partimento.music.performance_raw import PedalCurve, RawPerformance, read_raw_performance
from partimento.music.performance_statistics import performance_statistics
from partimento.music.score_notes import ScoreNotes
from partimento.music.score_statistics import score_statistics

WINDOW_SEC = 2.0
"""Length of a part of a clip without a score."""


@dataclass(frozen=True, slots=True)
class ReadClip:
    """A performance, and its alignment where a score fits it."""

    raw: RawPerformance
    alignment: Alignment | None
    score_match: float | None
    warnings: tuple[str, ...]


def read_clip(
    performance: str | Path,
    score: str | Path | None = None,
    score_midi: str | Path | None = None,
    *,
    guarded: bool = False,
) -> ReadClip:
    """Read a performance and align it with its score.

    A score of which less than 70 % of the notes were played is left out with a warning.
    Raises InputFileError for damaged files, MusicError for a performance that is too long.
    """
    if score is None and score_midi is None:
        raw = read_raw_performance(performance, guarded=guarded)
        return ReadClip(raw, None, None, raw.performance.warnings)
    raw, alignment = read_and_align(performance, score, score_midi, guarded=guarded)
    match = alignment.score_match
    warnings = tuple(dict.fromkeys((*raw.performance.warnings, *alignment.warnings)))
    if match < POOR_MATCH:
        said = f"only {match:.0%} of the score's notes were found: it is not used"
        return ReadClip(raw, None, match, (*warnings, said))
    return ReadClip(raw, alignment, match, warnings)


def clip_statistics(raw: RawPerformance, alignment: Alignment | None) -> dict[str, float]:
    """All statistics of a clip; those that need a score are NaN without one.

    Raises MusicError for fewer than 8 notes or more than 20 minutes.
    """
    found = performance_statistics(raw)
    if alignment is not None:
        found |= score_statistics(raw, alignment)
    return {name: found.get(name, float("nan")) for name in statistic_names()}


@cache
def statistic_names() -> tuple[str, ...]:
    """Names of all statistics, those that need no score first."""
    raw, alignment = _scale()
    first = performance_statistics(raw)
    return (*first, *score_statistics(raw, alignment))


@cache
def performance_names() -> tuple[str, ...]:
    """Names of the statistics that need no score."""
    return tuple(performance_statistics(_scale()[0]))


def _scale() -> tuple[RawPerformance, Alignment]:
    """A chromatic scale as played and as written: every statistic can be had of it."""
    count = 32
    onset = np.arange(count) * 0.5
    pitch = np.arange(48, 48 + count)
    ones = np.ones(count, dtype=np.int64)
    notes = Performance(onset, onset + 0.4, pitch, 64 * ones, np.zeros((0, 2)))
    empty = PedalCurve(np.zeros(0), np.zeros(0))
    raw = RawPerformance(notes, onset + 0.4, {64: empty, 66: empty, 67: empty})
    place = np.arange(count)
    beats = place.astype(np.float64)
    score = ScoreNotes(
        onset_beat=beats, duration_beat=np.ones(count), onset_quarter=beats,
        duration_quarter=np.ones(count), pitch=pitch, voice=ones, staff=ones, measure=place // 4,
        beat=place, beat_in_measure=beats % 4, measure_beats=np.full(count, 4.0),
        grace=np.zeros(count, dtype=bool), marks={},
    )  # fmt: skip
    return raw, Alignment(score, place, np.zeros(0, dtype=np.int64), 1.0, 1.0)


def without_each_part(clip: ReadClip) -> tuple[np.ndarray, list[str]]:
    """Statistics (M, F) of the clip with one bar (or 2 s) cut out, and the names of the parts.

    What comes after the cut moves up to it, as if the passage were a bar shorter.  A part without
    which too little is left is passed over.
    """
    rows, names = [], []
    for name, cut in _cuts(clip):
        try:
            found = clip_statistics(*_spliced(clip, cut))
        except MusicError:
            continue
        rows.append(list(found.values()))
        names.append(name)
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(statistic_names())), names


@dataclass(frozen=True, slots=True)
class _Cut:
    """Seconds and, with a score, the measure that is taken out."""

    start: float
    end: float
    measure: int | None = None


def _cuts(clip: ReadClip) -> list[tuple[str, _Cut]]:
    """Every bar of the score, or every two seconds of a performance without one."""
    onset = clip.raw.performance.onset_sec
    if clip.alignment is None:
        starts = np.arange(onset[0], onset[-1] + 1e-9, WINDOW_SEC)
        return [
            (f"seconds {a - onset[0]:.0f} to {a - onset[0] + WINDOW_SEC:.0f}",
             _Cut(float(a), float(a + WINDOW_SEC)))
            for a in starts
        ]  # fmt: skip
    played = clip.alignment.played
    begins: list[tuple[int, float]] = []
    for measure in np.unique(clip.alignment.measure).tolist():
        own = played[(clip.alignment.measure == measure) & (played >= 0)]
        if len(own):
            begins.append((measure, float(onset[own].min())))
    ends = [start for _, start in begins[1:]] + [float(onset[-1]) + 1e-6]
    return [
        (_bar_name(number, start - onset[0], end - onset[0]), _Cut(start, max(start, end), measure))
        for number, ((measure, start), end) in enumerate(zip(begins, ends, strict=True), start=1)
    ]


def _bar_name(number: int, start: float, end: float) -> str:
    """A bar with its seconds from the first onset, so that it can be found in the recording."""
    return f"bar {number} ({start:.1f}-{max(start, end):.1f} s)"


def _spliced(clip: ReadClip, cut: _Cut) -> tuple[RawPerformance, Alignment | None]:
    """The clip without the cut; later notes, pedals and written places move up to it."""
    raw, length = clip.raw, cut.end - cut.start
    notes = raw.performance
    keep = (notes.onset_sec < cut.start) | (notes.onset_sec >= cut.end)
    later = notes.onset_sec[keep] >= cut.end

    def moved(seconds: np.ndarray) -> np.ndarray:
        """Ends: those of notes before the cut stay, clipped to one cut's length beyond it."""
        return np.where(later, seconds[keep] - length, np.minimum(seconds[keep], cut.end))

    onset = notes.onset_sec[keep] - np.where(later, length, 0.0)
    performance = Performance(
        onset, moved(notes.offset_sec), notes.pitch[keep], notes.velocity[keep], notes.pedal_sec
    )
    pedals = {number: _spliced_pedal(curve, cut) for number, curve in raw.pedals.items()}
    whole = RawPerformance(performance, moved(raw.key_up_sec), pedals)
    if clip.alignment is None or cut.measure is None:
        return whole, None
    return whole, _spliced_alignment(clip.alignment, keep, cut.measure)


def _spliced_pedal(curve: PedalCurve, cut: _Cut) -> PedalCurve:
    keep = (curve.time_sec < cut.start) | (curve.time_sec >= cut.end)
    time = curve.time_sec[keep]
    return PedalCurve(
        np.where(time >= cut.end, time - (cut.end - cut.start), time), curve.depth[keep]
    )


def _spliced_alignment(alignment: Alignment, keep: np.ndarray, measure: int) -> Alignment:
    """The alignment of what is left: one measure fewer, played notes counted anew."""
    score = alignment.score
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    stays = score.measure != measure
    own = score.onset_quarter[score.measure == measure]
    after = score.onset_quarter[score.measure > measure]
    width = float(after.min() - own.min()) if len(after) and len(own) else 0.0
    later = score.measure[stays] > measure
    fields = {
        name: getattr(score, name)[stays]
        for name in (
            "onset_beat", "duration_beat", "duration_quarter", "pitch", "voice", "staff",
            "measure", "beat", "beat_in_measure", "measure_beats", "grace",
        )
    }  # fmt: skip
    quarter = score.onset_quarter[stays] - np.where(later, width, 0.0)
    beats = width * _beats_per_quarter(score)
    fields["onset_beat"] = fields["onset_beat"] - np.where(later, beats, 0.0)
    left = ScoreNotes(onset_quarter=quarter, marks={}, **fields)
    played = alignment.played[stays]
    played = np.where(played >= 0, number[np.maximum(played, 0)], -1)
    return replace(alignment, score=left, played=played, extra=np.zeros(0, dtype=np.int64))


def _beats_per_quarter(score: ScoreNotes) -> float:
    quarters = float(np.ptp(score.onset_quarter))
    return float(np.ptp(score.onset_beat)) / quarters if quarters else 1.0
