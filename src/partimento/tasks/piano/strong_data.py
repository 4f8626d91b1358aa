"""What the strong model learns from: crops of performances, varied, as batches of steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partimento.music.events import (
    BIN_WIDTH,
    TICKS_PER_SECOND,
    VELOCITY_BINS,
    TickNotes,
    disjoint,
    quantise_performance,
)
from partimento.music.humanise import humanise
from partimento.music.performance import Performance
from partimento.tasks.piano.steps import END, NO_BIN, Crop, crop_steps, encode_steps
from partimento.tasks.piano.strong import StepBatch

LOWEST, HIGHEST = 21, 108
"""The keyboard of a piano."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One performance and the name of the piece that it plays."""

    piece: str
    performance: Performance


def weights_of(
    recordings: Sequence[Recording], piece_power: float, length_power: float = 1.0
) -> np.ndarray:
    """Chance of each recording: notes ** length_power / (recordings of its piece) ** piece_power.

    With 1 and 0 every note is met equally often; with 0 and 1 every piece.
    """
    often = Counter(r.piece for r in recordings)
    weight = [
        len(r.performance) ** length_power / often[r.piece] ** piece_power for r in recordings
    ]
    chance = np.array(weight)
    return chance / chance.sum()


def vary(
    performance: Performance,
    rng: np.random.Generator,
    *,
    transpose: int,
    stretch: float,
    velocity: int,
    humanised: bool = False,
) -> TickNotes:
    """A new take: transposed, stretched in time and louder or softer, as whole and on a copy.

    ``transpose`` semitones, ``stretch`` (0.1: up to 10 % faster or slower) and ``velocity`` (MIDI
    units) are the largest changes.  Pitches are never clamped: only transpositions that keep all
    notes on the keyboard are drawn; velocities end at 1 and 127.  ``humanised`` notes of a score
    are played by rules first.
    """
    if humanised:
        performance = humanise(performance, rng)
    pitch, loud = performance.pitch, performance.velocity
    low = max(-transpose, LOWEST - int(pitch.min()))
    high = min(transpose, HIGHEST - int(pitch.max()))
    shift = int(rng.integers(low, high + 1)) if low <= high else 0
    factor = TICKS_PER_SECOND * float(np.exp(rng.uniform(-1, 1) * np.log1p(stretch)))
    change = int(rng.integers(-velocity, velocity + 1)) if velocity else 0
    top = VELOCITY_BINS * BIN_WIDTH - 1
    return disjoint(
        np.floor(performance.onset_sec * factor + 0.5).astype(np.int64),
        np.floor(performance.offset_sec * factor + 0.5).astype(np.int64),
        pitch + shift,
        np.clip(loud + change, 1, top) // BIN_WIDTH,
    )


def random_crop(notes: TickNotes, length: int, rng: np.random.Generator) -> Crop:
    """``length`` positions from a random place; one crop in several begins with the piece."""
    steps = encode_steps(notes)
    start = int(rng.integers(-(length // 4), max(1, len(steps) - length)))
    return crop_steps(steps, max(0, start), length)


def windows(notes: TickNotes, length: int, count: int | None = None) -> list[Crop]:
    """The first ``count`` crops of a piece end to end (None: all of them)."""
    steps = encode_steps(notes, end=False)
    starts = range(0, len(steps), length)[:count]
    return [crop_steps(steps, start, length) for start in starts]


def validation_windows(recordings: Sequence[Recording], length: int, count: int) -> list[Crop]:
    """The first ``count`` windows of each recording, as it was played."""
    crops: list[Crop] = []
    for recording in recordings:
        crops += windows(quantise_performance(recording.performance), length, count)
    return crops


def collate(crops: Sequence[Crop]) -> StepBatch:
    """Crops of any length as one batch; padding repeats END."""
    size = max(len(c.gap) for c in crops)
    valid = torch.zeros(len(crops), size - 1, dtype=torch.bool)
    for row, crop in enumerate(crops):
        valid[row, : len(crop.gap) - 1] = True

    def stack(name: str, fill: int, length: int = size - 1) -> Tensor:
        arrays = [getattr(c, name) for c in crops]
        out = np.full((len(arrays), length, *arrays[0].shape[1:]), fill, dtype=arrays[0].dtype)
        for row, array in enumerate(arrays):
            out[row, : len(array)] = array
        return torch.from_numpy(out)

    return StepBatch(
        gap=stack("gap", 0, size).long(),
        key=stack("key", END, size).long(),
        bin=stack("bin", NO_BIN, size).long(),
        age=stack("age", 0),
        sounding=stack("sounding", 0),
        recent_pitch=stack("recent_pitch", -1),
        recent_bin=stack("recent_bin", NO_BIN),
        since_chord=stack("since_chord", 0),
        intervals=stack("intervals", 0),
        valid=valid,
    )
