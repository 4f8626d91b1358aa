"""Small pieces on the grid of bars, made up for tests."""

from __future__ import annotations

import numpy as np

from partimento.music.barpiece import TICKS, BarPiece, bar_piece
from partimento.music.instruments import INSTRUMENT_ID

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def made_piece(
    bars: int = 8,
    *,
    meter: str = "4/4",
    instrument: str = "piano",
    step: int = TICKS // 2,
    transpose: int = 0,
    chords: bool = False,
    seed: int = 0,
    tempo_bpm: float = 100.0,
) -> BarPiece:
    """A walk on a scale of C major in equal notes, with a chord on each bar line if wanted."""
    rng = np.random.default_rng(seed)
    length = {"4/4": 96, "3/4": 72, "6/8": 72, "2/4": 48}[meter]
    onset = np.arange(0, bars * length, step)
    walk = np.clip(np.cumsum(rng.integers(-1, 2, len(onset))) + 3, 0, 7)
    pitch = np.array(SCALE)[walk] + transpose
    duration = np.full(len(onset), step)
    if chords:
        firsts = np.repeat(np.arange(bars) * length, 2)
        onset = np.concatenate([onset, firsts])
        pitch = np.concatenate([pitch, np.tile([48, 52], bars) + transpose])
        duration = np.concatenate([duration, np.full(len(firsts), length)])
    return bar_piece(
        onset,
        duration,
        pitch,
        np.full(len(onset), 80),
        np.full(len(onset), INSTRUMENT_ID[instrument]),
        meter=meter,
        bars=bars,
        tempo_bpm=tempo_bpm,
    )
