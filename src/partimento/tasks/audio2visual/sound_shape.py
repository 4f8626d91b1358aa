"""The course of a sound in a few numbers that a picture can follow.

Shape suffixes: T time steps of the picture, B bands from low to high, F frames of 20 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from partimento.music.audio import Sound
from partimento.music.logmel import FLOOR_DB, HOP, log_mel

STEPS = 64
BANDS = 24
FRAME_RATE = 16_000 / HOP
"""Frames a second of the analysis."""
_SILENT_DB = -60.0
_RANGE_DB = 48.0


@dataclass(frozen=True, slots=True)
class SoundShape:
    """Loudness, colour and events of a sound over its time."""

    seconds: float
    loudness: float
    """0 (silent) to 1 (as loud as a file can be)."""
    brightness: float
    """Spectral centroid on the mel scale: 0 (40 Hz) to 1 (7.9 kHz)."""
    envelope_T: np.ndarray = field(repr=False)
    """(64,) loudness over time, the loudest step 1; all 0 for silence."""
    bands_BT: np.ndarray = field(repr=False)
    """(24, 64) loudness of bands over time, the loudest 1."""
    onsets: tuple[tuple[float, float], ...] = ()
    """(share of the duration, strength to 1) of events, in order."""

    @property
    def silent(self) -> bool:
        """Whether there is nothing to hear."""
        return not self.envelope_T.any()


def neutral_shape() -> SoundShape:
    """A steady sound of middle loudness: for pictures drawn from a label alone."""
    flat = np.full((BANDS, STEPS), 0.6)
    return SoundShape(5.0, 0.6, 0.5, np.full(STEPS, 0.7), flat)


def sound_shape(sound: Sound) -> SoundShape:
    """Measure a sound.  Digital silence and sounds below -60 dB have an empty shape."""
    levels = log_mel(sound.samples_N).astype(np.float64)
    power = 10.0 ** (levels / 10.0) * (levels > FLOOR_DB + 1.0)
    total_db = 10.0 * np.log10(np.maximum(power.sum(1), 1e-9))
    top_db = float(total_db.max())
    if top_db < _SILENT_DB:
        nothing = np.zeros((BANDS, STEPS))
        return SoundShape(sound.seconds, 0.0, 0.0, np.zeros(STEPS), nothing)
    envelope_F = np.clip(1.0 + (total_db - top_db) / _RANGE_DB, 0.0, 1.0)
    mel_places = np.linspace(0.0, 1.0, levels.shape[1])
    weight = np.sqrt(power).sum(0)
    loud_db = 10.0 * float(np.log10(np.mean(power.sum(1)) + 1e-9))
    return SoundShape(
        seconds=sound.seconds,
        loudness=float(np.clip(1.0 + loud_db / 50.0, 0.05, 1.0)),
        brightness=float((mel_places * weight).sum() / weight.sum()),
        envelope_T=_stretch(envelope_F),
        bands_BT=_bands(levels),
        onsets=tuple(_onsets(onset_strength(levels))),
    )


def onset_strength(levels_FM: np.ndarray) -> np.ndarray:
    """(F,) spectral flux: mean rise of the bands' levels against two frames before, in decibels.

    Source: Bello et al., "A tutorial on onset detection in music signals", 2005.
    """
    floor = np.maximum(levels_FM, levels_FM.max() - 60.0)
    rise = np.zeros(len(floor))
    if len(floor) > 2:
        rise[2:] = np.maximum(0.0, floor[2:] - floor[:-2]).mean(1)
    return rise


def onset_peaks(strength_F: np.ndarray, least: float = 1.5) -> np.ndarray:
    """Frames at which the strength has a peak that stands out of the half second around it."""
    count = len(strength_F)
    if count < 3:
        return np.zeros(0, dtype=np.int64)
    reach = 3
    padded = np.pad(strength_F, reach)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    wide = np.convolve(strength_F, np.ones(25) / 25.0, mode="same")[:count]
    found = (strength_F >= around.max(1)) & (strength_F > 1.4 * wide + 0.3)
    found &= strength_F > max(least, 0.15 * float(strength_F.max()))
    places = np.flatnonzero(found)
    kept: list[int] = []
    for place in places:
        if not kept or place - kept[-1] > reach:
            kept.append(int(place))
    return np.array(kept, dtype=np.int64)


def _onsets(strength_F: np.ndarray) -> list[tuple[float, float]]:
    peaks = onset_peaks(strength_F)
    if len(peaks) == 0:
        return []
    top = float(strength_F[peaks].max())
    span = max(1, len(strength_F) - 1)
    return [(float(p) / span, float(strength_F[p]) / top) for p in peaks]


def _stretch(values_F: np.ndarray) -> np.ndarray:
    """Any number of frames as 64 steps: the mean of the frames of each step."""
    edges = np.linspace(0, len(values_F), STEPS + 1)
    sums = np.concatenate([[0.0], np.cumsum(values_F)])
    at = np.interp(edges, np.arange(len(sums)), sums)
    means: np.ndarray = np.diff(at) / (len(values_F) / STEPS)
    return means / max(1e-9, float(means.max()))


def _bands(levels_FM: np.ndarray) -> np.ndarray:
    top = float(levels_FM.max())
    heard = np.clip(1.0 + (levels_FM - top) / 60.0, 0.0, 1.0)
    groups = np.array_split(np.arange(levels_FM.shape[1]), BANDS)
    rows = np.stack([heard[:, group].mean(1) for group in groups])
    stretched = np.stack([_stretch_plain(row) for row in rows])
    return stretched / max(1e-9, float(stretched.max()))


def _stretch_plain(row_F: np.ndarray) -> np.ndarray:
    edges = np.linspace(0, len(row_F), STEPS + 1)
    sums = np.concatenate([[0.0], np.cumsum(row_F)])
    at = np.interp(edges, np.arange(len(sums)), sums)
    means: np.ndarray = np.diff(at) / (len(row_F) / STEPS)
    return means
