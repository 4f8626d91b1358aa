"""Variations of a performance for training: other key, other tempo, other loudness.

Every function returns new arrays and leaves its input as it is.  Nothing is ever clamped: a note
moved to the edge of the keyboard would sound a wrong interval, a velocity cut at the loudest bin
would flatten the dynamics.  A change that does not fit is an error, or is not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from partimento.music.events import VELOCITY_BINS, TickNotes, disjoint
from partimento.music.performance import Performance

PIANO_LOW, PIANO_HIGH = 21, 108
"""A0 to C8, the keys of a piano."""
MIDI_HIGH = 127


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far and how often a piece is varied.

    ``transpose`` largest shift in semitones, drawn with ``transpose_probability``; ``stretch``
    largest change of duration as a share, drawn with ``stretch_probability`` and as often slower
    as faster; ``velocity`` largest shift in bins of 4, drawn with ``velocity_probability``.
    """

    transpose: int = 0
    transpose_probability: float = 0.3
    stretch: float = 0.0
    stretch_probability: float = 1.0
    velocity: int = 0
    velocity_probability: float = 1.0


def transpositions(pitch: np.ndarray, widest: int) -> np.ndarray:
    """The shifts within -``widest``..``widest`` (int64, 0 among them) that every pitch allows.

    Notes that lie on the keys of a piano stay on them; others stay within 0..127.
    """
    if len(pitch) == 0:
        return np.arange(-widest, widest + 1)
    low, high = int(pitch.min()), int(pitch.max())
    on_piano = low >= PIANO_LOW and high <= PIANO_HIGH
    floor, ceiling = (PIANO_LOW, PIANO_HIGH) if on_piano else (0, MIDI_HIGH)
    return np.arange(max(-widest, floor - low), min(widest, ceiling - high) + 1)


def transpose_notes(notes: TickNotes, semitones: int) -> TickNotes:
    """The notes ``semitones`` higher.

    Raises ValueError when a note would leave the piano (or 0..127, where one lies outside of it).
    """
    return _copy(notes, pitch=_moved(notes.pitch, semitones))


def transpose_performance(performance: Performance, semitones: int) -> Performance:
    """:func:`transpose_notes` of a performance in seconds."""
    return replace(
        _own(performance),
        pitch=_moved(performance.pitch, semitones),
    )


def stretch_notes(notes: TickNotes, factor: float) -> TickNotes:
    """The notes ``factor`` times as long, absolute times rounded to the grid.

    Raises ValueError for a factor that is not positive, and where two notes would become one.
    """
    if not 0.0 < factor < np.inf:
        raise ValueError(f"a stretch is a positive number, not {factor}")
    onset, offset = (
        np.floor(t * factor + 0.5).astype(np.int64) for t in (notes.onset, notes.offset)
    )
    slower = disjoint(onset, offset, notes.pitch, notes.bin)
    if len(slower) != len(notes):
        raise ValueError(f"a stretch by {factor} makes one note of two")
    return slower


def stretch_performance(performance: Performance, factor: float) -> Performance:
    """The performance ``factor`` times as long, the pedal too.

    Raises ValueError for a factor that is not positive.
    """
    if not 0.0 < factor < np.inf:
        raise ValueError(f"a stretch is a positive number, not {factor}")
    return replace(
        _own(performance),
        onset_sec=performance.onset_sec * factor,
        offset_sec=performance.offset_sec * factor,
        pedal_sec=performance.pedal_sec * factor,
    )


def velocity_shifts(bins: np.ndarray, widest: int) -> np.ndarray:
    """The shifts within -``widest``..``widest`` (int64, 0 among them) that every bin allows."""
    if len(bins) == 0:
        return np.arange(-widest, widest + 1)
    low, high = int(bins.min()), int(bins.max())
    return np.arange(max(-widest, -low), min(widest, VELOCITY_BINS - 1 - high) + 1)


def louder_notes(notes: TickNotes, bins: int) -> TickNotes:
    """The notes ``bins`` velocity bins louder.  Raises ValueError when one would leave 0..31."""
    louder = notes.bin + bins
    if len(louder) and (louder.min() < 0 or louder.max() >= VELOCITY_BINS):
        raise ValueError(f"a velocity would leave its range after a shift by {bins} bins")
    return _copy(notes, bin=louder)


def augment(notes: TickNotes, plan: Augmentation, generator: np.random.Generator) -> TickNotes:
    """A random variation of the notes, always a copy.

    Every shift that fits is equally likely; a stretch that would make one note of two is not
    applied.
    """
    varied = _copy(notes)
    if plan.transpose and generator.random() < plan.transpose_probability:
        # A shift of zero is no transposition: the probability is that of another key.
        allowed = transpositions(notes.pitch, plan.transpose)
        varied = transpose_notes(varied, _choose(allowed[allowed != 0], generator))
    if plan.velocity and generator.random() < plan.velocity_probability:
        varied = louder_notes(varied, _choose(velocity_shifts(notes.bin, plan.velocity), generator))
    if plan.stretch and generator.random() < plan.stretch_probability:
        widest = float(np.log1p(plan.stretch))
        factor = float(np.exp(generator.uniform(-widest, widest)))
        try:
            varied = stretch_notes(varied, factor)
        except ValueError:
            return varied
    return varied


def _choose(values: np.ndarray, generator: np.random.Generator) -> int:
    return int(generator.choice(values)) if len(values) else 0


def _moved(pitch: np.ndarray, semitones: int) -> np.ndarray:
    if semitones not in transpositions(pitch, abs(semitones)):
        raise ValueError(f"a note would leave its range after a shift by {semitones} semitones")
    return pitch + semitones


def _copy(notes: TickNotes, **changed: np.ndarray) -> TickNotes:
    parts = {name: getattr(notes, name).copy() for name in ("onset", "offset", "pitch", "bin")}
    return TickNotes(**{**parts, **changed})


def _own(performance: Performance) -> Performance:
    return replace(
        performance,
        onset_sec=performance.onset_sec.copy(),
        offset_sec=performance.offset_sec.copy(),
        pitch=performance.pitch.copy(),
        velocity=performance.velocity.copy(),
        pedal_sec=performance.pedal_sec.copy(),
    )
