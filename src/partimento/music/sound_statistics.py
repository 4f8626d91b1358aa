"""A sound of five seconds in 359 numbers: what a listener with a log-mel ear could count.

Level of the sound as a whole is left out: a recording's gain says nothing about what was
recorded.  Silence is left out of the averages: more than half of many recordings is silence.

Shape suffixes: T frames, M bands, B coarse bands, S statistics.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from partimento.music.audio import SAMPLE_RATE
from partimento.music.logmel import BANDS, FLOOR_DB, HOP, log_mel

WINDOW_SAMPLES = 5 * SAMPLE_RATE
FRAMES = 249
"""Log-mel frames of five seconds."""
_ACTIVE_DB = 45.0
"""Frames this far below the loudest count as silence."""
_ENVELOPE_DB = 60.0
_CEPSTRA = 20
_COARSE = 8
_MODULATION_EDGES = (1, 2, 4, 7, 11, 17, 26, 40, 60, 90, 125)
"""Bins of 0.2 Hz: how fast the envelopes of the coarse bands move, up to 25 Hz."""
_SHORTEST_LAG = 5
_LEAST_FRAMES = 4


def fit_window(samples_N: np.ndarray) -> np.ndarray:
    """Exactly five seconds: the beginning, or the sound with silence behind it."""
    cut = samples_N[:WINDOW_SAMPLES]
    return np.pad(cut, (0, WINDOW_SAMPLES - len(cut))) if len(cut) < WINDOW_SAMPLES else cut


def sound_statistics(samples_N: np.ndarray) -> np.ndarray:
    """The statistics of a sound of at most five seconds at 16 kHz: (S,), float32."""
    return level_statistics(log_mel(fit_window(samples_N)))


def level_statistics(levels_TM: np.ndarray) -> np.ndarray:
    """The statistics of a log-mel spectrogram of 249 frames, in decibels: (S,), float32.

    Raises ValueError for another shape.
    """
    if levels_TM.shape != (FRAMES, BANDS):
        raise ValueError(f"levels of shape {levels_TM.shape}, not ({FRAMES}, {BANDS})")
    levels_TM = levels_TM.astype(np.float64)
    peak_T = levels_TM.max(1)
    loud_T = peak_T > peak_T.max() - _ACTIVE_DB
    active = levels_TM[loud_T] if loud_T.sum() >= _LEAST_FRAMES else levels_TM
    parts = [
        (np.percentile(active, [10, 50, 90], axis=0) - active.max()).ravel(),
        _timbre(active),
        *_envelopes(levels_TM),
        [len(active) / FRAMES],
        _pulse(levels_TM),
        _flow(peak_T),
        _flatness(active),
    ]
    return np.concatenate(parts).astype(np.float32)


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    """(M, 20) orthonormal cosine transform (DCT-II), the cepstrum's."""
    place = np.arange(BANDS)[:, None] + 0.5
    table = np.cos(np.pi / BANDS * place * np.arange(_CEPSTRA)) * np.sqrt(2.0 / BANDS)
    table[:, 0] /= np.sqrt(2.0)
    return table


def _timbre(active: np.ndarray) -> np.ndarray:
    """Mean and spread of the cepstra and of their steps from frame to frame; no mean level."""
    cepstra = active @ _cosines()
    steps = np.diff(cepstra, axis=0)
    parts = [cepstra.mean(0)[1:], cepstra.std(0), steps.std(0), np.abs(steps).mean(0)]
    return np.concatenate(parts)


def _coarse(levels_TM: np.ndarray, range_db: float) -> np.ndarray:
    """(T, B) levels of eight broad bands, nothing below the loudest minus ``range_db``."""
    power = 10.0 ** (np.maximum(levels_TM, levels_TM.max() - range_db) / 10.0)
    broad = power.reshape(len(power), _COARSE, -1).mean(2)
    return np.asarray(10.0 * np.log10(broad))


def _envelopes(levels_TM: np.ndarray) -> list[np.ndarray]:
    """Modulation spectrum: for each range of rates, how much each broad band moves (log)."""
    broad = _coarse(levels_TM, _ENVELOPE_DB)
    window = np.hanning(len(broad))[:, None]
    movement = np.abs(np.fft.rfft((broad - broad.mean(0)) * window, axis=0))
    return [np.log(movement[low:high].mean(0) + 1e-2) for low, high in pairwise(_MODULATION_EDGES)]


def _pulse(levels_TM: np.ndarray) -> list[float]:
    """Height and lag (frames) of the strongest repetition of the envelope: a clock has one."""
    envelope = _coarse(levels_TM, _ENVELOPE_DB).mean(1)
    envelope = envelope - envelope.mean()
    same = np.correlate(envelope, envelope, "full")[len(envelope) :] / (envelope @ envelope + 1e-9)
    return [float(same[_SHORTEST_LAG:].max()), float(np.argmax(same[_SHORTEST_LAG:]))]


def _flow(peak_T: np.ndarray) -> list[float]:
    """Spread of the level, and how steeply it rises and falls from frame to frame."""
    steps = np.diff(peak_T)
    return [float(peak_T.std()), *(float(v) for v in np.percentile(steps, [95, 5]))]


def _flatness(active: np.ndarray) -> list[float]:
    """Mean and spread of the spectral flatness: 1 is noise, 0 a pure tone."""
    power = 10.0 ** (active / 10.0)
    flat = np.exp(np.log(power + 1e-9).mean(1)) / (power.mean(1) + 1e-9)
    return [float(flat.mean()), float(flat.std())]


COUNT = 3 * BANDS + (4 * _CEPSTRA - 1) + _COARSE * (len(_MODULATION_EDGES) - 1) + 8
"""Number of statistics, S."""
__all__ = [
    "COUNT",
    "FLOOR_DB",
    "FRAMES",
    "HOP",
    "fit_window",
    "level_statistics",
    "sound_statistics",
]
