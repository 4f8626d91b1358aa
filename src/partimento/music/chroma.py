"""How the twelve pitch classes sound in a recording, and what key they suggest.

Shape suffixes: N samples, T frames, F bins.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from partimento.music.audio import SAMPLE_RATE
from partimento.music.keys import MAJOR_PROFILE, MINOR_PROFILE

_WINDOW = 4096
"""Samples: 256 ms tell neighbouring semitones apart from about 130 Hz upwards."""
_HOP = 2048
_LOW_HZ, _HIGH_HZ = 120.0, 2100.0
TONALITY = ("best major", "best minor", "minor of the best tonic", "sharpness")
"""What :func:`tonality` measures."""


@lru_cache(maxsize=1)
def _folding() -> np.ndarray:
    """(F, 12) share of every bin in every pitch class: a triangle one semitone wide each side."""
    hertz = np.fft.rfftfreq(_WINDOW, 1.0 / SAMPLE_RATE)
    inside = (hertz >= _LOW_HZ) & (hertz <= _HIGH_HZ)
    midi = 69.0 + 12.0 * np.log2(np.maximum(hertz, 1.0) / 440.0)
    away = (midi[:, None] - np.arange(12) + 6.0) % 12.0 - 6.0
    shares = np.maximum(0.0, 1.0 - 2.0 * np.abs(away)) * inside[:, None]
    # Higher octaves hold overtones, which are often not of the chord.
    weight = np.exp(-0.5 * ((midi - 64.0) / 15.0) ** 2)
    return np.asarray(shares * weight[:, None])


def chroma(samples_N: np.ndarray) -> np.ndarray:
    """Strength of the pitch classes from C: (12,), sum 1 (all equal for silence).

    Only spectral peaks count, so that noise does not fill all classes; every frame's magnitudes are
    compressed by a square root, so that one loud chord does not outweigh a melody.
    """
    if len(samples_N) < _WINDOW:
        samples_N = np.pad(samples_N, (0, _WINDOW - len(samples_N)))
    frames = np.lib.stride_tricks.sliding_window_view(samples_N, _WINDOW)[::_HOP]
    total = np.zeros(12)
    window = np.hanning(_WINDOW).astype(np.float32)
    for start in range(0, len(frames), 512):
        size_TF = np.abs(np.fft.rfft(frames[start : start + 512] * window))
        peak_TF = np.zeros_like(size_TF)
        middle = size_TF[:, 1:-1]
        is_peak = (middle >= size_TF[:, :-2]) & (middle > size_TF[:, 2:])
        peak_TF[:, 1:-1] = np.where(is_peak, middle, 0.0)
        total += (np.sqrt(peak_TF) @ _folding()).sum(0)
    return total / total.sum() if total.sum() > 0 else np.full(12, 1.0 / 12.0)


def _correlations(chroma_12: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Pearson correlation with the profile on each of the twelve tonics."""
    rolled = np.stack([np.roll(profile, tonic) for tonic in range(12)])
    rolled = rolled - rolled.mean(1, keepdims=True)
    centred = chroma_12 - chroma_12.mean()
    size = np.linalg.norm(rolled, axis=1) * np.linalg.norm(centred)
    return np.asarray((rolled @ centred) / np.maximum(size, 1e-12))


def tonality(samples_N: np.ndarray) -> np.ndarray:
    """Four numbers on the key (:data:`TONALITY`): (4,), float32.

    The best correlation with a major and with a minor key (Krumhansl's method); how much better
    minor fits than major on the better tonic; and how far the classes are from even (0 to 1).
    """
    found = chroma(samples_N)
    major, minor = _correlations(found, MAJOR_PROFILE), _correlations(found, MINOR_PROFILE)
    tonic = int(np.argmax(np.maximum(major, minor)))
    entropy = -float((found * np.log(found + 1e-12)).sum()) / np.log(12.0)
    values = [major.max(), minor.max(), minor[tonic] - major[tonic], 1.0 - entropy]
    return np.array(values, dtype=np.float32)
