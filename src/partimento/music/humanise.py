"""A played sound for notes from a score: tempo, touch, loudness and pedal by rules.

A small rule system in the spirit of the KTH rules (Friberg, Bresin, Sundberg 2006): phrases that
swell and slow down, the melody a little louder and a few milliseconds early, high notes louder than
low ones, articulation, and a pedal that changes with the bass.  Every amount is drawn once a piece,
so that many takes of one score differ as players do.  Times in seconds, velocities MIDI.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.performance import Performance

CHORD_SEC = 0.02
"""Written onsets closer than this are one chord."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one player plays: see :func:`draw_manner` for the ranges."""

    phrase_sec: float
    rubato: float
    drift: float
    swell: float
    loudness: float
    slope: float
    melody: float
    lead_sec: float
    spread_sec: float
    touch: float
    pedal: bool


def draw_manner(rng: np.random.Generator) -> Manner:
    """A random manner within what pianists do."""
    return Manner(
        phrase_sec=float(rng.uniform(4, 14)),
        rubato=float(rng.uniform(0.0, 0.14)),
        drift=float(rng.uniform(0.0, 0.04)),
        swell=float(rng.uniform(2, 12)),
        loudness=float(rng.uniform(48, 80)),
        slope=float(rng.uniform(0.05, 0.4)),
        melody=float(rng.uniform(2, 14)),
        lead_sec=float(rng.uniform(0.0, 0.025)),
        spread_sec=float(rng.uniform(0.003, 0.014)),
        touch=float(rng.uniform(0.75, 1.05)),
        pedal=bool(rng.random() < 0.6),
    )


def humanise(
    performance: Performance, rng: np.random.Generator, manner: Manner | None = None
) -> Performance:
    """A take of notes that were typed in, not played; the input is left as it is.

    Pitches and the order of chords are kept; every note stays.
    """
    if len(performance) == 0:
        return performance
    how = draw_manner(rng) if manner is None else manner
    chord, starts = _chords(performance.onset_sec)
    place = _phrase_place(starts, how.phrase_sec, rng)
    clock = _clock(starts, place, how, rng)
    top = _top_of_chord(chord, performance.pitch)
    onset = clock[chord] + rng.normal(0, how.spread_sec, len(chord)) - how.lead_sec * top
    written = performance.offset_sec - performance.onset_sec
    pace = (
        np.interp(performance.onset_sec, starts, np.gradient(clock, starts))
        if len(starts) > 1
        else np.ones(len(chord))
    )
    length = written * pace * how.touch * rng.lognormal(0, 0.08, len(chord))
    onset = onset - min(0.0, float(onset.min()))
    offset = onset + np.maximum(length, 0.03)
    if how.pedal:
        offset = _pedalled(onset, offset, performance.pitch, chord)
    order = np.lexsort((performance.pitch, onset))
    loud = _loudness(performance, chord, place, top, how, rng)
    return Performance(
        onset[order],
        offset[order],
        performance.pitch[order],
        loud[order],
        np.zeros((0, 2)),
        performance.warnings,
    )


def _chords(onset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chord of each note (N,), and the written start of each chord."""
    new = np.diff(onset, prepend=-np.inf) > CHORD_SEC
    return np.cumsum(new) - 1, onset[new]


def _phrase_place(starts: np.ndarray, phrase_sec: float, rng: np.random.Generator) -> np.ndarray:
    """Place of each chord in its phrase, 0 to 1; phrases vary in length by a third."""
    end = float(starts[-1]) + 1.0
    bounds = [0.0]
    while bounds[-1] <= end:
        bounds.append(bounds[-1] + phrase_sec * float(rng.uniform(0.67, 1.33)))
    index = np.searchsorted(bounds, starts, side="right")
    low, high = np.array(bounds)[index - 1], np.array(bounds)[index]
    return (starts - low) / (high - low)


def _clock(
    starts: np.ndarray, place: np.ndarray, how: Manner, rng: np.random.Generator
) -> np.ndarray:
    """Played time of each chord: slower at both ends of a phrase, drifting, never backwards."""
    arch = how.rubato * (2 * place - 1) ** 2
    gap = np.diff(starts, prepend=starts[0])
    drift = np.cumsum(rng.normal(0, how.drift, len(starts)) * np.sqrt(np.minimum(gap, 1.0)))
    drift -= np.linspace(0, drift[-1], len(drift))
    return np.cumsum(gap * np.exp(arch + np.clip(drift, -0.25, 0.25))) + starts[0]


def _top_of_chord(chord: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """1.0 for the highest note of each chord of two or more, the melody; else 0.0."""
    highest = np.full(int(chord[-1]) + 1, -1)
    np.maximum.at(highest, chord, pitch)
    size = np.bincount(chord)
    return ((pitch == highest[chord]) & (size[chord] > 1)).astype(float)


def _pedalled(
    onset: np.ndarray, offset: np.ndarray, pitch: np.ndarray, chord: np.ndarray
) -> np.ndarray:
    """Ends with a pedal that is changed at each new bass note."""
    first = np.flatnonzero(np.diff(chord, prepend=-1) > 0)
    lowest = np.minimum.reduceat(pitch, first)
    bass = np.flatnonzero(lowest <= np.median(pitch) - 5)
    changes = onset[first[bass]] + 0.06
    changes = changes[np.diff(changes, prepend=-np.inf) > 0.4]
    if len(changes) == 0:
        return offset
    after = np.searchsorted(changes, offset, side="right")
    held = np.append(changes, np.inf)[after]
    # A pedal is not held for ever, and not through a rest.
    return np.where(held - offset < 3.0, held, offset)


def _loudness(
    performance: Performance,
    chord: np.ndarray,
    place: np.ndarray,
    top: np.ndarray,
    how: Manner,
    rng: np.random.Generator,
) -> np.ndarray:
    """MIDI velocities: the written ones as accents, the phrase's arch, pitch, melody, chance."""
    written = performance.velocity - performance.velocity.mean()
    arch = how.swell * np.sin(np.pi * place)[chord]
    pitch = how.slope * (performance.pitch - 60)
    loud = how.loudness + 0.5 * written + arch + pitch + how.melody * top
    return np.clip(np.rint(loud + rng.normal(0, 3.5, len(chord))), 8, 124).astype(np.int64)
