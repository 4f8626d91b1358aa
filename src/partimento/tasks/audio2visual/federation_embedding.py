"""What a federation's adapters hear: 228 statistics of a sound, without labels or weights.

Shape suffixes: T frames, M mel bands, D statistics, G groups of bands, Q modulation ranges.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.music.logmel import BANDS, FLOOR_DB, HOP, log_mel

CEPSTRA = 20
GROUPS = 16
"""Groups of neighbouring bands whose level over time is looked at."""
MODULATIONS_HZ = (0.3, 0.7, 1.5, 3.0, 5.0, 8.0, 12.0, 18.0, 25.0)
"""Edges of the ranges of modulation."""
ACTIVE_DB = 40.0
"""A frame counts as sounding within this distance of the loudest."""
LEAST_FRAMES = 250
"""Five seconds: shorter sounds are followed by silence, so that slow modulation is defined."""
WIDTH = GROUPS * (len(MODULATIONS_HZ) - 1) + 5 * CEPSTRA
"""D = 228."""


def embed(sound: Sound) -> np.ndarray:
    """(D,) float32 statistics: modulation of 16 groups of bands, and of the cepstrum mean, spread
    and movement, in the sounding frames and in all.

    Modulation spectra as in Dau, Kollmeier and Kohlrausch (1997), cepstra as in Davis and
    Mermelstein (1980).
    """
    level_TM = log_mel(sound.samples_N)
    short = LEAST_FRAMES - len(level_TM)
    if short > 0:
        level_TM = np.pad(level_TM, ((0, short), (0, 0)), constant_values=FLOOR_DB)
    return np.concatenate([_modulation(level_TM), _cepstrum(level_TM)]).astype(np.float32)


def _modulation(level_TM: np.ndarray) -> np.ndarray:
    """Log strength of each range of modulation in each group of bands: (Q * G,)."""
    frames = len(level_TM)
    level_TG = level_TM.reshape(frames, GROUPS, -1).mean(2)
    level_TG = level_TG - level_TG.mean(0)
    spectrum = np.abs(np.fft.rfft(level_TG * np.hanning(frames)[:, None], axis=0))
    # In the scale of a five-second sound, whatever the length.
    spectrum *= LEAST_FRAMES / frames
    hertz = np.fft.rfftfreq(frames, HOP / SAMPLE_RATE)
    ranges = [
        spectrum[(hertz >= low) & (hertz < high)].mean(0) for low, high in pairwise(MODULATIONS_HZ)
    ]
    return np.log(np.stack(ranges) + 1e-3).ravel()


def _cepstrum(level_TM: np.ndarray) -> np.ndarray:
    """Mean and spread over all frames and over the sounding ones, and size of steps: (100,)."""
    cepstrum = level_TM @ _cosines().T
    loudness = level_TM.mean(1)
    active = cepstrum[loudness > loudness.max() - ACTIVE_DB]
    steps = np.diff(cepstrum, axis=0)
    parts = (cepstrum.mean(0), cepstrum.std(0), active.mean(0), active.std(0), steps.std(0))
    return np.concatenate(parts)


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    """(CEPSTRA, M) orthonormal cosine transform, type II."""
    place = (np.arange(BANDS) + 0.5) / BANDS
    rows = np.cos(np.pi * np.arange(CEPSTRA)[:, None] * place) * np.sqrt(2.0 / BANDS)
    rows[0] /= np.sqrt(2.0)
    return rows.astype(np.float32)
