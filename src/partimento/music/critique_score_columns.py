"""The 77 score columns of :mod:`partimento.music.critique_columns`, from the notes of a score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from partimento.music.critique_columns import PITCH_CLASSES, SCORE
from partimento.music.score_marks import MARKS, NEUTRAL_QPM
from partimento.music.score_notes import ScoreNotes

MAX_GAP_BEATS = 8.0
MAX_INTERVAL = 24.0
_SAME = 1e-4
_AS_MARKED: tuple[str, ...] = tuple(column.name for column in SCORE if column.name in MARKS)
"""Columns that are marks of the score as they stand."""
_MAJOR_STEPS = np.array([0, 2, 4, 5, 7, 9, 11])


def score_columns(notes: ScoreNotes) -> dict[str, np.ndarray]:
    """Columns (N,) float64 by name; finite for every score with at least one note."""
    columns = {name: notes.marks[name].astype(np.float64) for name in _AS_MARKED}
    columns |= _pitch(notes) | _chords(notes) | _times(notes) | _voices(notes) | _grace(notes)
    columns |= _meter(notes) | _changes(notes)
    columns["upper_staff"] = (notes.staff <= 1).astype(np.float64)
    return columns


def unnormalised_columns(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The five columns that stay as they are, from the score columns."""
    return {
        "midi_pitch_unnorm": (columns["midi_pitch"] - 60) / 12,
        "duration_unnorm": np.minimum(columns["duration"], MAX_GAP_BEATS),
        "beat_importance_unnorm": columns["beat_importance"] / 4,
        "measure_length_unnorm": columns["measure_length"] / 4,
        "following_rest_unnorm": columns["following_rest"],
    }


def _pitch(notes: ScoreNotes) -> dict[str, np.ndarray]:
    pitch_class = notes.pitch % 12
    tonic = np.round(notes.marks["key_fifths"]).astype(np.int64) * 7
    columns = {
        "midi_pitch": notes.pitch.astype(np.float64),
        "octave": np.floor(notes.pitch / 12) - 1,
        "in_key": np.isin((notes.pitch - tonic) % 12, _MAJOR_STEPS).astype(np.float64),
    }
    for number, name in enumerate(PITCH_CLASSES):
        columns[f"pitch_class_{name}"] = (pitch_class == number).astype(np.float64)
    return columns


def onset_groups(onset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of each note's onset (N,), and the distinct onsets (G,); ``onset`` is sorted."""
    new = np.diff(onset, prepend=-np.inf) > _SAME
    return np.cumsum(new) - 1, onset[new]


def _chords(notes: ScoreNotes) -> dict[str, np.ndarray]:
    group, onsets = onset_groups(notes.onset_beat)
    count = len(onsets)
    pitch = notes.pitch.astype(np.float64)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, group, pitch)
    np.maximum.at(high, group, pitch)
    size = np.bincount(group, weights=~notes.grace, minlength=count)
    return {
        "chord_size": np.maximum(size[group], 1.0),
        "is_highest": (pitch == high[group]).astype(np.float64),
        "is_lowest": (pitch == low[group]).astype(np.float64),
        "above_lowest": pitch - low[group],
        "below_highest": high[group] - pitch,
        "sounding_notes": sounding(notes.onset_beat, notes.onset_beat + notes.duration_beat),
    }


def sounding(onset: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(N,) notes that sound at each onset, at least 1: those begun minus those ended by then."""
    begun = np.searchsorted(np.sort(onset), onset + _SAME, side="right")
    ended = np.searchsorted(np.sort(end), onset + _SAME, side="right")
    return np.maximum(begun - ended, 1).astype(np.float64)


def _times(notes: ScoreNotes) -> dict[str, np.ndarray]:
    group, onsets = onset_groups(notes.onset_beat)
    gaps = np.minimum(np.diff(onsets), MAX_GAP_BEATS)
    before, after = np.concatenate([[0.0], gaps]), np.concatenate([gaps, [0.0]])
    length = np.maximum(notes.measure_beats, _SAME)
    span = max(float(onsets[-1] - onsets[0]), _SAME)
    place = notes.beat_in_measure
    per_measure = np.bincount(notes.measure)[notes.measure]
    return {
        "duration": notes.duration_beat,
        "beat_importance": _importance(notes),
        "measure_length": length,
        "beat_position": np.clip(place / length, 0.0, 1.0),
        "position_in_beat": np.clip(place - np.floor(place + _SAME), 0.0, 1.0),
        "score_position": (notes.onset_beat - onsets[0]) / span,
        "interval_before": before[group],
        "interval_after": after[group],
        "beat_density": np.bincount(notes.beat)[notes.beat].astype(np.float64),
        "measure_density": per_measure / np.maximum(length, 0.25),
        "is_grace": notes.grace.astype(np.float64),
    }


def _importance(notes: ScoreNotes) -> np.ndarray:
    """4 downbeat, 3 middle of a bar with an even number of beats, 2 beat, 1 half beat, else 0."""
    place = notes.beat_in_measure
    result = np.zeros(len(notes))
    result[np.abs(place * 2 - np.round(place * 2)) < _SAME] = 1
    whole = np.abs(place - np.round(place)) < _SAME
    result[whole] = 2
    even = np.round(notes.marks["meter_beats"]).astype(np.int64) % 2 == 0
    middle = whole & even & (np.abs(place - notes.marks["meter_beats"] / 2) < _SAME)
    result[middle & (notes.marks["meter_beats"] > 2)] = 3
    result[np.abs(place) < _SAME] = 4
    return result


def _voice_rows(notes: ScoreNotes) -> Iterator[np.ndarray]:
    """Indices of the notes of each voice, in score order."""
    for voice in np.unique(notes.voice):
        yield np.flatnonzero(notes.voice == voice)


def _voices(notes: ScoreNotes) -> dict[str, np.ndarray]:
    """Steps and rests inside a voice; in chords the top note leads on."""
    back, ahead, rest = (np.zeros(len(notes)) for _ in range(3))
    for rows in _voice_rows(notes):
        group, onsets = onset_groups(notes.onset_beat[rows])
        pitch = notes.pitch[rows].astype(np.float64)
        top = np.full(len(onsets), -np.inf)
        np.maximum.at(top, group, pitch)
        last = np.concatenate([[np.nan], top])[group]
        following = np.concatenate([top, [np.nan]])[group + 1]
        back[rows] = np.nan_to_num(pitch - last)
        ahead[rows] = np.nan_to_num(following - pitch)
        next_onset = np.concatenate([onsets, [np.nan]])[group + 1]
        end = (notes.onset_beat + notes.duration_beat)[rows]
        # A grace note ends where its main note starts.
        rest[rows] = np.where(notes.grace[rows], 0.0, np.nan_to_num(next_onset - end))
    return {
        "interval_from_previous": np.clip(back, -MAX_INTERVAL, MAX_INTERVAL),
        "interval_to_next": np.clip(ahead, -MAX_INTERVAL, MAX_INTERVAL),
        "following_rest": np.clip(rest, 0.0, MAX_GAP_BEATS),
    }


def _grace(notes: ScoreNotes) -> dict[str, np.ndarray]:
    order, preceded = np.zeros(len(notes)), np.zeros(len(notes))
    for rows in _voice_rows(notes):
        group, onsets = onset_groups(notes.onset_beat[rows])
        grace = notes.grace[rows]
        graces = np.bincount(group, weights=grace, minlength=len(onsets))
        # Grace notes stand before the notes of their onset: the first of three has order 3.
        number = np.cumsum(grace) - (np.cumsum(graces) - graces)[group]
        order[rows] = np.where(grace, graces[group] - number + 1, 0.0)
        preceded[rows] = ~grace & (graces[group] > 0)
    return {"grace_order": order, "preceded_by_grace": preceded}


def _meter(notes: ScoreNotes) -> dict[str, np.ndarray]:
    beats = np.round(notes.marks["meter_beats"])
    columns = {f"meter_{n}": (beats == n).astype(np.float64) for n in (2, 3, 4)}
    columns["meter_other"] = (~np.isin(beats, (2, 3, 4))).astype(np.float64)
    return columns


def _changes(notes: ScoreNotes) -> dict[str, np.ndarray]:
    marks = notes.marks
    since_start = notes.onset_beat - notes.onset_beat[0]

    def distance(name: str) -> np.ndarray:
        since = marks[name].astype(np.float64)
        return np.log2(1 + np.maximum(np.where(since < 0, since_start, since), 0.0))

    def speed(name: str) -> np.ndarray:
        return np.log2(np.maximum(marks[name].astype(np.float64), 1.0) / NEUTRAL_QPM)

    return {
        "tempo_slower": (marks["tempo_change"] < 0).astype(np.float64),
        "tempo_faster": (marks["tempo_change"] > 0).astype(np.float64),
        "score_qpm": speed("quarters_per_minute"),
        "score_qpm_primo": speed("qpm_primo"),
        "distance_from_abs_tempo": distance("tempo_since"),
        "distance_from_recent_tempo": distance("tempo_change_since"),
        "crescendo": (marks["dynamic_change"] > 0).astype(np.float64),
        "diminuendo": (marks["dynamic_change"] < 0).astype(np.float64),
        "distance_from_abs_dynamic": distance("dynamic_since"),
        "distance_from_recent_dynamic": distance("dynamic_change_since"),
    }
