"""What a pianist did at each written note: the quantities that the learnt expression predicts.

Each is a deviation from the mean of its section, so that tempo, loudness and touch as a whole are
free.  After the expressive parameters of Cancino-Chacon and Grachten (2016).

Shape suffixes: N notes, B beats, T targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.barpiece import TICKS
from partimento.music.expression_pairs import Pair, extended_interp
from partimento.music.performance_raw import PedalCurve

TARGETS: tuple[str, ...] = (
    "slowness", "velocity", "articulation", "timing", "pedal_down", "pedal_change",
)  # fmt: skip
"""Log of the beat's length over the mean; velocity in standard deviations; log of held over written
time; onset after its place within the beat, in :data:`TIMING_SEC`; two truths about the pedal."""
CONTINUOUS = 4
"""How many of the targets are numbers; the rest are true or false."""
TIMING_SEC = 0.03
_SLOWNESS, _ARTICULATION, _TIMING = 0.8, 2.5, 5.0
"""Limits: beyond them lie fermatas, wrong notes and wrong matches."""
_HALF = 0.5
_BEFORE_SEC = 0.12


@dataclass(frozen=True, slots=True)
class Targets:
    """``value`` and ``weight`` (N, T) float32: weight 0 where nothing is known.

    ``spread`` is the standard deviation of MIDI velocities; ``loudness`` and ``touch`` are the
    means that were taken away (MIDI velocity, log of held over written time).
    """

    value: np.ndarray
    weight: np.ndarray
    spread: float
    loudness: float
    touch: float


def slowness(beat_tick: np.ndarray, beat_sec: np.ndarray) -> np.ndarray:
    """(B - 1,) log of seconds per tick between beats, less its mean over the written time."""
    ticks = np.diff(beat_tick)
    pace = np.log(np.diff(beat_sec) / ticks)
    mean = np.average(pace, weights=ticks)
    return np.asarray(np.clip(pace - mean, -_SLOWNESS, _SLOWNESS))


def articulation(
    onset: np.ndarray, duration: np.ndarray, held_sec: np.ndarray,
    beat_tick: np.ndarray, beat_sec: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(N,) log of the time that a key is held over what its written duration takes."""
    end = extended_interp(onset + duration, beat_tick, beat_sec)
    written = end - extended_interp(onset, beat_tick, beat_sec)
    ratio = np.log(np.maximum(held_sec, 0.01) / np.maximum(written, 0.01))
    return np.asarray(np.clip(ratio, -_ARTICULATION, _ARTICULATION))


def targets_of(pair: Pair) -> Targets:
    """The quantities of one performed section.

    A beat counts as much as any other for the tempo, however many notes it has.
    """
    piece, found = pair.piece, pair.found
    value = np.zeros((len(piece), len(TARGETS)))
    weight = np.repeat(found[:, None], len(TARGETS), axis=1).astype(np.float64)
    beat = np.clip(
        np.searchsorted(pair.beat_tick, piece.onset, side="right") - 1, 0, len(pair.beat_tick) - 2
    )
    value[:, 0] = slowness(pair.beat_tick, pair.beat_sec)[beat]
    notes = np.bincount(beat, minlength=len(pair.beat_tick) - 1)
    weight[:, 0] = 1.0 / notes[beat] * len(piece) / max(1, (notes > 0).sum())
    loud = pair.velocity[found]
    loudness, spread = float(loud.mean()), float(max(loud.std(), 1.0))
    value[:, 1] = np.where(found, (pair.velocity - loudness) / spread, 0.0)
    held = np.where(found, pair.key_up_sec - pair.onset_sec, 1.0)
    bound = articulation(piece.onset, piece.duration, held, pair.beat_tick, pair.beat_sec)
    touch = float(bound[found].mean())
    value[:, 2] = np.where(found, bound - touch, 0.0)
    late = pair.onset_sec - extended_interp(piece.onset, pair.beat_tick, pair.beat_sec)
    late = np.where(found, late, 0.0) / TIMING_SEC
    value[:, 3] = np.clip(np.where(found, late - late[found].mean(), 0.0), -_TIMING, _TIMING)
    value[:, 4:] = _pedal(pair)
    return Targets(value.astype(np.float32), weight.astype(np.float32), spread, loudness, touch)


def _pedal(pair: Pair) -> np.ndarray:
    """(N, 2) whether the pedal is down after an onset, and whether it was up just before."""
    tick, of = np.unique(pair.piece.onset, return_inverse=True)
    start = extended_interp(tick, pair.beat_tick, pair.beat_sec)
    after = np.append(start[1:], start[-1] + 60.0 / pair.piece.tempo_bpm / TICKS * 6)
    middle = 0.5 * (start + np.maximum(after, start + 0.02))
    down = pair.pedal.at(middle) >= _HALF
    up = lifted(pair.pedal, start - _BEFORE_SEC, middle)
    return np.stack([down, down & up], axis=1)[of].astype(np.float64)


def lifted(pedal: PedalCurve, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(K,) whether a pedal was up at any time of spans; spans sorted or not."""
    return np.asarray(pedal.lowest(start, end)[0] < _HALF)
