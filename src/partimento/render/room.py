"""A small synthetic room: convolution with a decaying, darkening noise tail."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

ROOM_TAIL_SEC = 0.9
_PREDELAY_SEC = 0.012
_T60_SEC = 0.85
_FFT_SIZE = 1 << 17


@lru_cache(maxsize=8)
def impulse_response(sample_rate: int) -> np.ndarray:
    """Two decorrelated tails, float32 of shape (2, N), unit energy each, no DC.

    The noise comes from a generator with a fixed seed: the room is a constant, not a draw.
    """
    rng = np.random.default_rng(1723)
    samples = round(ROOM_TAIL_SEC * sample_rate)
    noise = rng.standard_normal((2, samples))
    t = np.arange(samples) / sample_rate
    dark = _low_pass(noise, 1800.0, sample_rate)
    bright = _low_pass(noise, 5200.0, sample_rate) - dark
    slow, quick = np.log(1000.0) / _T60_SEC, np.log(1000.0) / (0.45 * _T60_SEC)
    tail = dark * np.exp(-slow * t) + 0.6 * bright * np.exp(-quick * t)
    swell = np.clip((t - _PREDELAY_SEC) / 0.01, 0.0, 1.0)
    ending = np.clip((ROOM_TAIL_SEC - t) / 0.1, 0.0, 1.0)
    tail *= swell * ending
    window = swell * ending * np.exp(-slow * t)
    tail -= window * (tail.sum(axis=1, keepdims=True) / window.sum())
    tail /= np.sqrt(np.sum(tail**2, axis=1, keepdims=True))
    return tail.astype(np.float32)


def _low_pass(signal: np.ndarray, corner_hz: float, sample_rate: int) -> np.ndarray:
    """Second-order magnitude roll-off, applied in the frequency domain (zero phase)."""
    frequency = np.fft.rfftfreq(signal.shape[-1], 1.0 / sample_rate)
    gain = 1.0 / (1.0 + (frequency / corner_hz) ** 2)
    return np.asarray(np.fft.irfft(np.fft.rfft(signal) * gain, n=signal.shape[-1]))


def add_room(dry: np.ndarray, sample_rate: int, amount: float | int) -> np.ndarray:
    """Dry stereo of shape (2, N) plus ``amount`` times the room's answer to its mid signal.

    Overlap-add, so that memory does not grow with a large transform.  Same shape as the input: the
    caller leaves :data:`ROOM_TAIL_SEC` of silence at the end.
    """
    response = impulse_response(sample_rate)
    step = _FFT_SIZE - response.shape[1] + 1
    spectrum = np.fft.rfft(response, n=_FFT_SIZE).astype(np.complex64)
    out = np.array(dry, dtype=np.float32)
    middle = (0.5 * (dry[0] + dry[1])).astype(np.float32)
    for start in range(0, len(middle), step):
        piece = middle[start : start + step]
        if not piece.any():
            continue
        answer = np.fft.irfft(np.fft.rfft(piece, n=_FFT_SIZE) * spectrum, n=_FFT_SIZE)
        stop = min(start + _FFT_SIZE, out.shape[1])
        out[:, start:stop] += amount * answer[:, : stop - start].astype(np.float32)
    return out
