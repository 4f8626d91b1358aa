"""Log-mel spectrograms in numpy.

The mel scale is Slaney's (linear below 1 kHz), filters are triangles of unit area in hertz, as in
Auditory Toolbox (Slaney 1998).

Shape suffixes: N samples, T frames, M bands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from partimento.music.audio import SAMPLE_RATE

BANDS = 64
WINDOW = 640
"""Samples of a frame: 40 ms."""
HOP = 320
"""Samples from frame to frame: 20 ms."""
LOW_HZ, HIGH_HZ = 40.0, 7900.0
FLOOR_DB = -80.0
"""Everything below this level (full scale = 0 dB) counts as silence."""
_FFT = 1024
_STEP_HZ = 200.0 / 3.0
_LOG_FROM_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0


def hertz_to_mel(hertz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale.

    >>> [round(float(m), 3) for m in hertz_to_mel(np.array([0.0, 1000.0, 6400.0]))]
    [0.0, 15.0, 42.0]
    """
    hertz = np.asarray(hertz, dtype=np.float64)
    above = _LOG_FROM_HZ / _STEP_HZ + np.log(np.maximum(hertz, 1.0) / _LOG_FROM_HZ) / _LOG_STEP
    return np.where(hertz < _LOG_FROM_HZ, hertz / _STEP_HZ, above)


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    """Inverse of :func:`hertz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    edge = _LOG_FROM_HZ / _STEP_HZ
    return np.where(mel < edge, mel * _STEP_HZ, _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - edge)))


@lru_cache(maxsize=4)
def mel_filters(bands: int = BANDS) -> np.ndarray:
    """(M, bins) triangles that turn a power spectrum into bands; each row sums to one."""
    low, high = hertz_to_mel(np.array([LOW_HZ, HIGH_HZ])).tolist()
    edges_mel = np.linspace(low, high, bands + 2)
    edges = mel_to_hertz(edges_mel)
    bins = np.fft.rfftfreq(_FFT, 1.0 / SAMPLE_RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    total = filters.sum(1, keepdims=True)
    return (filters / np.maximum(total, 1e-12)).astype(np.float32)


def log_mel(samples_N: np.ndarray) -> np.ndarray:
    """Level of each mel band in decibels relative to a full-scale sine: (T, 64), float32.

    T = 1 + (N - 640) // 320, at least 1: a shorter sound is padded with silence.
    Raises ValueError for anything but one row of finite numbers.
    """
    samples_N = np.asarray(samples_N, dtype=np.float32)
    if samples_N.ndim != 1 or not np.isfinite(samples_N).all():
        raise ValueError("log_mel takes one row of finite samples")
    if len(samples_N) < WINDOW:
        samples_N = np.pad(samples_N, (0, WINDOW - len(samples_N)))
    frames = np.lib.stride_tricks.sliding_window_view(samples_N, WINDOW)[::HOP]
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    parts = []
    # In blocks: ten minutes at once would need half a gigabyte.
    for start in range(0, len(frames), 2048):
        spectrum = np.fft.rfft(frames[start : start + 2048] * window, _FFT)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        parts.append(power @ mel_filters().T)
    # A full-scale sine has the power (sum of window / 2) squared at its bin.
    level = np.concatenate(parts) / np.float32((window.sum() / 2.0) ** 2)
    return (10.0 * np.log10(np.maximum(level, 10.0 ** (FLOOR_DB / 10.0)))).astype(np.float32)
