"""What a clip does with its score: tempo curve, timing within bars and chords, articulation and
loudness against what is written.

Statistics beside those of :mod:`partimento.music.performance_statistics`, for an aligned score.
Tempos are natural logarithms of quarters (or beats) a second.

Shape suffixes: M matched notes, U written onsets (in quarters), C onsets with a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.alignment import Alignment
from partimento.music.performance_raw import RawPerformance
from partimento.music.performance_statistics import Statistics, summary

LEAST_MATCHED = 8
LEAST_ONSETS = 5


@dataclass(frozen=True, slots=True)
class _Matched:
    """Matched notes, in score order, and the map from quarters to seconds."""

    quarter: np.ndarray
    length: np.ndarray
    pitch: np.ndarray
    on_beat: np.ndarray
    onset: np.ndarray
    held: np.ndarray
    velocity: np.ndarray
    group: np.ndarray
    """(M,) number of each note's written onset."""
    written: np.ndarray
    """(C,) quarters, increasing."""
    played: np.ndarray
    """(C,) seconds, increasing."""

    def seconds(self, quarter: np.ndarray) -> np.ndarray:
        """When each place of the score is played."""
        found: np.ndarray = np.interp(quarter, self.written, self.played)
        return found


def score_statistics(raw: RawPerformance, alignment: Alignment) -> Statistics:
    """Statistics of a performance against its score; empty where too little of it was matched."""
    matched = _matched(raw, alignment)
    if matched is None:
        return {}
    found = {
        **_written(alignment),
        **_tempo_curve(matched),
        **_asynchrony(matched),
        **_against_written(matched),
        **_melody(matched),
    }
    return {name: float(value) for name, value in found.items()}


def _matched(raw: RawPerformance, alignment: Alignment) -> _Matched | None:
    """The matched notes; None where they are too few for a tempo."""
    own = np.flatnonzero((alignment.played >= 0) & ~alignment.score.grace)
    if len(own) < LEAST_MATCHED:
        return None
    played = alignment.played[own]
    quarter = alignment.score.onset_quarter[own]
    onset = raw.performance.onset_sec[played]
    written, group = np.unique(quarter, return_inverse=True)
    median = np.array([np.median(onset[group == k]) for k in range(len(written))])
    forward = np.concatenate([[True], np.diff(np.maximum.accumulate(median)) > 0])
    if forward.sum() < LEAST_ONSETS:
        return None
    beat = alignment.score.beat_in_measure[own]
    return _Matched(
        quarter, alignment.score.duration_quarter[own], alignment.pitch[own],
        np.abs(beat - np.round(beat)) < 0.01, onset, raw.key_up_sec[played] - onset,
        raw.performance.velocity[played].astype(np.float64), group,
        written[forward], median[forward],
    )  # fmt: skip


def _written(alignment: Alignment) -> Statistics:
    """The passage as written."""
    score = alignment.score
    span = max(float(np.ptp(score.onset_quarter)), 1.0)
    length = np.maximum(score.duration_quarter, 0.05)
    return {
        "written.notes_per_quarter": len(score) / span,
        "written.onsets_per_quarter": len(np.unique(score.onset_quarter)) / span,
        "written.log_length_mean": float(np.log(length).mean()),
        "written.log_span": float(np.log(span)),
        "written.log_beat_in_quarters": float(
            np.log(span / max(float(np.ptp(score.onset_beat)), 0.5))
        ),
    }


def _tempo_curve(notes: _Matched) -> Statistics:
    """Mean tempo, local tempo between onsets, and its course at four widths."""
    span = notes.written[-1] - notes.written[0]
    local = np.log(np.diff(notes.written) / np.maximum(np.diff(notes.played), 0.01))
    found = {
        "curve.log_tempo": float(np.log(span / (notes.played[-1] - notes.played[0]))),
        **summary("curve.local", local, (10, 90)),
        "curve.local_jitter": float(np.abs(np.diff(local)).mean()),
    }
    for width, name in ((0.5, "half"), (1.0, "one"), (2.0, "two"), (4.0, "four")):
        found |= _course(notes, width, f"curve.{name}")
    return found


def _course(notes: _Matched, width: float, name: str) -> Statistics:
    """The tempo sampled every ``width`` quarters; NaN where the passage is too short for it."""
    names = ("sd", "jitter", "range", "slope", "end", "curvature", "rest")
    places = np.arange(notes.written[0], notes.written[-1] + 1e-6, width)
    if len(places) < 5:
        return {f"{name}_{one}": float("nan") for one in names}
    tempo = np.log(width / np.maximum(np.diff(notes.seconds(places)), 0.02))
    x = np.linspace(-1, 1, len(tempo))
    smooth = np.polyval(np.polyfit(x, tempo, min(3, len(tempo) - 1)), x)
    values = (
        tempo.std(),
        np.abs(np.diff(tempo)).mean(),
        np.ptp(tempo),
        np.polyfit(x, tempo, 1)[0],
        tempo[-1] - np.median(tempo),
        np.polyfit(x, tempo, 2)[0],
        (tempo - smooth).std(),
    )
    return {f"{name}_{one}": float(value) for one, value in zip(names, values, strict=True)}


def _asynchrony(notes: _Matched) -> Statistics:
    """Spread of the notes written together, and whether the highest leads."""
    spreads, leads = [], []
    for own in _chords(notes):
        spreads.append(float(np.ptp(notes.onset[own])))
        top = own[int(np.argmax(notes.pitch[own]))]
        rest = own[own != top]
        leads.append(float(np.clip(notes.onset[rest].mean() - notes.onset[top], -0.3, 0.3)))
    spread = np.array([one for one in spreads if one < 0.5])
    lead = np.array(leads)
    return {
        **summary("together.spread", spread, (90,)),
        **summary("together.melody_lead", lead, ()),
        **summary("together.off_the_line", _off_the_line(notes), ()),
        "together.off_the_line_size": float(np.abs(_off_the_line(notes)).mean()),
    }


def _chords(notes: _Matched) -> list[np.ndarray]:
    """Notes of each written onset with more than one."""
    size = np.bincount(notes.group)
    return [np.flatnonzero(notes.group == k) for k in np.flatnonzero(size > 1)]


def _off_the_line(notes: _Matched) -> np.ndarray:
    """Of every inner onset: how much later it comes than the neighbours' tempo says, as a share of
    the time between them.
    """
    before, here, after = notes.written[:-2], notes.written[1:-1], notes.written[2:]
    start, end = notes.played[:-2], notes.played[2:]
    expected = start + (end - start) * (here - before) / (after - before)
    late = (notes.played[1:-1] - expected) / np.maximum(end - start, 0.02)
    return np.clip(late, -1, 1)


def _against_written(notes: _Matched) -> Statistics:
    """Held time over written time at the tempo of the place."""
    end = notes.quarter + notes.length
    time = notes.seconds(end) - notes.seconds(notes.quarter)
    known = (notes.length > 0) & (time > 0.03) & (end <= notes.written[-1])
    ratio = np.log(np.clip(notes.held[known] / time[known], 0.03, 20))
    short = notes.length[known] <= 0.5
    return {
        **summary("written_length.log_ratio", ratio, (10, 50, 90)),
        "written_length.short_share": _mean(ratio < np.log(0.6)),
        "written_length.long_share": _mean(ratio > 0),
        "written_length.of_short_notes": _mean(ratio[short]),
        "written_length.of_long_notes": _mean(ratio[~short]),
    }


def _melody(notes: _Matched) -> Statistics:
    """Loudness of the highest written notes against the others, on and off the beat, and with
    pitch and tempo.
    """
    count = int(notes.group.max()) + 1
    order = np.lexsort((notes.pitch, notes.group))
    edge = np.searchsorted(notes.group[order], np.arange(count), side="right")
    top = np.zeros(len(order), dtype=bool)
    top[order[edge - 1]] = True
    low = np.zeros(len(order), dtype=bool)
    low[order[np.concatenate([[0], edge[:-1]])]] = True
    line, pitch = notes.velocity[order[edge - 1]], notes.pitch[order[edge - 1]]
    x = np.linspace(-1, 1, count)
    return {
        "melody.velocity": float(notes.velocity[top].mean()),
        "melody.minus_others": _mean(notes.velocity[top]) - _mean(notes.velocity[~top]),
        "melody.bass_velocity": _mean(notes.velocity[low & ~top]),
        "melody.accent": _mean(notes.velocity[notes.on_beat])
        - _mean(notes.velocity[~notes.on_beat]),
        "melody.step": float(np.abs(np.diff(line)).mean()),
        "melody.curvature": float(np.polyfit(x, line, 2)[0]),
        "melody.with_pitch": _correlation(line, pitch),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
