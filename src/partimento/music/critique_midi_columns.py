"""The columns of a critic that has no score: each played note in its surroundings."""

from __future__ import annotations

import numpy as np

from partimento.music.critique_columns import PITCH_CLASSES
from partimento.music.critique_score_columns import sounding
from partimento.music.performance_raw import SOFT, SOSTENUTO, SUSTAIN, RawPerformance

CHORD_SEC = 0.030
"""Onsets that follow each other this closely are one chord."""
WINDOW_SEC = 1.0
CUT_SEC = 0.5
_LOG_LOW, _LOG_HIGH = -6.0, 4.0


def midi_columns(raw: RawPerformance) -> dict[str, np.ndarray]:
    """The columns of the set ``midi`` (N,) float64 by name, for at least one note, all finite."""
    notes = raw.performance
    velocity = notes.velocity.astype(np.float64)
    local, density = _surroundings(notes.onset_sec, velocity)
    onset = notes.onset_sec
    span = max(float(onset[-1] - onset[0]), 1e-3)
    columns = {
        "played_pitch": notes.pitch.astype(np.float64),
        "played_octave": np.floor(notes.pitch / 12) - 1,
        "played_velocity": velocity,
        "velocity_change": np.diff(velocity, prepend=velocity[0]),
        "local_velocity": local,
        "velocity_above_local": velocity - local,
        "key_duration": _log(raw.key_up_sec - onset),
        "sound_duration": _log(notes.offset_sec - onset),
        "note_density": density,
        "keys_down": sounding(onset, raw.key_up_sec),
        "sounding": sounding(onset, notes.offset_sec),
        "place_in_time": (onset - onset[0]) / span,
    }
    for number, name in enumerate(PITCH_CLASSES):
        own = notes.pitch % 12 == number
        columns[f"played_pitch_class_{name}"] = own.astype(np.float64)
    return columns | _chords(raw) | _pedals(raw)


def chord_index(onset_sec: np.ndarray) -> np.ndarray:
    """(N,) which chord each note belongs to; onsets sorted."""
    return np.cumsum(np.diff(onset_sec, prepend=-np.inf) > CHORD_SEC) - 1


def _log(seconds: np.ndarray) -> np.ndarray:
    low = 2.0**_LOG_LOW
    return np.clip(np.log2(np.maximum(seconds, low)), _LOG_LOW, _LOG_HIGH)


def _surroundings(onset: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean velocity and notes per second within a second on either side."""
    first = np.searchsorted(onset, onset - WINDOW_SEC, side="left")
    last = np.searchsorted(onset, onset + WINDOW_SEC, side="right")
    total = np.concatenate([[0.0], np.cumsum(velocity)])
    count = (last - first).astype(np.float64)
    return (total[last] - total[first]) / count, count / (2 * WINDOW_SEC)


def _chords(raw: RawPerformance) -> dict[str, np.ndarray]:
    notes = raw.performance
    chord = chord_index(notes.onset_sec)
    count = int(chord[-1]) + 1
    size = np.bincount(chord)
    starts = np.flatnonzero(np.diff(chord, prepend=-1))
    first, last = notes.onset_sec[starts], np.maximum.reduceat(notes.onset_sec, starts)
    mean = np.bincount(chord, weights=notes.onset_sec) / size
    high, low = (f.reduceat(notes.pitch, starts) for f in (np.maximum, np.minimum))
    gaps = _log(np.diff(first))
    before, after = np.concatenate([[0.0], gaps]), np.concatenate([gaps, [0.0]])
    held = _log(raw.key_up_sec - notes.onset_sec)
    legato = np.where(chord < count - 1, np.clip(held - after[chord], -4.0, 4.0), 0.0)
    return {
        "notes_in_chord": size[chord].astype(np.float64),
        "chord_spread": np.minimum(last - first, 1.0)[chord],
        "onset_in_chord": np.clip(notes.onset_sec - mean[chord], -1.0, 1.0),
        "highest_of_chord": (notes.pitch == high[chord]).astype(np.float64),
        "lowest_of_chord": (notes.pitch == low[chord]).astype(np.float64),
        "gap_before": before[chord],
        "gap_after": after[chord],
        "legato": legato,
    }


def _pedals(raw: RawPerformance) -> dict[str, np.ndarray]:
    onset, up = raw.performance.onset_sec, raw.key_up_sec
    sustain = raw.pedals[SUSTAIN]
    return {
        "sustain_at_start": sustain.at(onset),
        "sustain_at_end": sustain.at(up),
        "sustain_refresh": sustain.lowest(onset, up)[0],
        "sustain_cut": sustain.lowest(up, up + CUT_SEC)[0],
        "soft_at_start": raw.pedals[SOFT].at(onset),
        "sostenuto_at_start": raw.pedals[SOSTENUTO].at(onset),
    }
