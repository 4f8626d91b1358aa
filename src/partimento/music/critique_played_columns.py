"""How each note of a score was played: the performance and raw columns of a critic."""

from __future__ import annotations

import numpy as np

from partimento.music.alignment import Alignment
from partimento.music.performance_raw import SOFT, SUSTAIN, RawPerformance
from partimento.music.score_clock import SHORTEST_BEAT_SEC, ScoreClock

MAX_DEVIATION_BEATS = 2.0
MAX_ARTICULATION = 4.0
MAX_PEDAL_SEC = 4.0
MAX_HELD_SEC = 16.0
_SHORTEST_SEC = 1e-3


def played_columns(found: Alignment, raw: RawPerformance) -> dict[str, np.ndarray]:
    """The performance and raw columns (N,) float64 by name, finite for every note.

    A note that was not played has what its beat lets expect: onset and end at the beat's tempo,
    the beat's mean velocity, no deviation, no articulation, the pedals as they stood.

    Source of the definitions: VirtuosoNet (Jeong et al., "VirtuosoNet: a hierarchical RNN-based
    system for modeling expressive piano performance", ISMIR 2019), in base-2 logarithms.
    """
    clock = ScoreClock.of(found, raw.performance.onset_sec)
    beat_sec = _beat_seconds(found, clock)
    tempo = _tempi(found, clock, beat_sec)
    expected = _on_the_beats(found, clock)
    heard = found.played >= 0
    index = np.where(heard, found.played, 0)
    onset = np.where(heard, raw.performance.onset_sec[index], expected)
    written = found.duration_beat * beat_sec
    held = np.where(heard, raw.key_up_sec[index] - onset, written)
    held = np.maximum(held, _SHORTEST_SEC)
    deviation = (onset - expected) / beat_sec
    limit = MAX_DEVIATION_BEATS
    return {
        **tempo,
        **_loudness(found, raw, heard, index),
        "onset_deviation": np.where(heard, np.clip(deviation, -limit, limit), 0.0),
        "articulation": _articulation(held, written, heard & ~found.score.grace),
        **_pedals(raw, onset, onset + held, beat_sec),
        "raw_pitch": np.where(heard, raw.performance.pitch[index], found.pitch).astype(float),
        "raw_onset": onset - raw.performance.onset_sec[0],
        "raw_duration": np.minimum(held, MAX_HELD_SEC),
    }


def _beat_starts(found: Alignment) -> tuple[np.ndarray, int]:
    """Each note's beat start (N,) in beats of the score, and the first of all."""
    first = int(np.floor(found.onset_beat.min() + 1e-4))
    return found.beat + float(first), first


def _beat_seconds(found: Alignment, clock: ScoreClock) -> np.ndarray:
    """Seconds that each note's beat took (N,)."""
    start, _ = _beat_starts(found)
    return np.maximum(clock.at(start + 1) - clock.at(start), SHORTEST_BEAT_SEC)


def _on_the_beats(found: Alignment, clock: ScoreClock) -> np.ndarray:
    """When each note would start if time went evenly within the played beats (N,)."""
    _, first = _beat_starts(found)
    beats = np.arange(first, first + int(found.beat.max()) + 2, dtype=np.float64)
    return np.interp(found.onset_beat, beats, clock.at(beats))


def _tempi(found: Alignment, clock: ScoreClock, beat_sec: np.ndarray) -> dict[str, np.ndarray]:
    bar = found.onset_beat - found.score.beat_in_measure
    length = np.maximum(found.score.measure_beats, 0.25)
    bar_sec = np.maximum(clock.at(bar + length) - clock.at(bar), SHORTEST_BEAT_SEC * length)
    section = np.zeros(len(found))
    marks = found.score.marks["section"]
    for number in np.unique(marks):
        rows = np.flatnonzero(marks == number)
        low = found.onset_beat[rows[0]]
        beats = max(float(found.onset_beat[rows[-1]] - low), 1.0)
        ends = clock.at(np.array([low, low + beats]))
        section[rows] = beats / max(float(ends[1] - ends[0]), SHORTEST_BEAT_SEC * beats)
    return {
        "beat_tempo": np.log2(60 / beat_sec),
        "measure_tempo": np.log2(60 * length / bar_sec),
        "section_tempo": np.log2(60 * section),
    }


def _loudness(
    found: Alignment, raw: RawPerformance, heard: np.ndarray, index: np.ndarray
) -> dict[str, np.ndarray]:
    strength = raw.performance.velocity[index].astype(np.float64)
    by_measure = _means(strength, heard, found.measure, None)
    by_beat = _means(strength, heard, found.beat, by_measure)
    velocity = np.where(heard, strength, by_beat)
    return {
        "velocity": velocity,
        "beat_dynamics": by_beat,
        "measure_dynamics": by_measure,
        "raw_velocity": velocity,
    }


def _means(
    values: np.ndarray, heard: np.ndarray, group: np.ndarray, otherwise: np.ndarray | None
) -> np.ndarray:
    """(N,) mean of the played notes of each note's group; ``otherwise`` where none was played."""
    count = np.bincount(group, weights=heard)
    total = np.bincount(group, weights=values * heard)
    overall = float(values[heard].mean()) if heard.any() else 64.0
    fallback = np.full(len(values), overall) if otherwise is None else otherwise
    mean = total / np.maximum(count, 1)
    return np.where(count[group] > 0, mean[group], fallback)


def _articulation(held: np.ndarray, written: np.ndarray, counts: np.ndarray) -> np.ndarray:
    ratio = np.log2(held / np.maximum(written, _SHORTEST_SEC))
    return np.where(counts, np.clip(ratio, -MAX_ARTICULATION, MAX_ARTICULATION), 0.0)


def _pedals(
    raw: RawPerformance, onset: np.ndarray, up: np.ndarray, beat_sec: np.ndarray
) -> dict[str, np.ndarray]:
    sustain = raw.pedals[SUSTAIN]
    refresh, refreshed = sustain.lowest(onset, up)
    cut, lifted = sustain.lowest(up, up + np.minimum(beat_sec, MAX_PEDAL_SEC))
    return {
        "pedal_at_start": sustain.at(onset),
        "pedal_at_end": sustain.at(up),
        "pedal_refresh": refresh,
        "pedal_refresh_time": np.clip(refreshed - onset, 0.0, MAX_PEDAL_SEC),
        "pedal_cut": cut,
        "pedal_cut_time": np.clip(lifted - up, 0.0, MAX_PEDAL_SEC),
        "soft_pedal": raw.pedals[SOFT].at(onset),
    }
