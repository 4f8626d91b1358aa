"""What the encoder learns from: recordings varied and mixed on their log-mel spectrograms.

Mixing adds powers, which is what air does with two sounds (Tokozume et al. 2018 for learning
from mixtures between classes).

Shape suffixes: N rows, T frames, M bands, S statistics, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.logmel import BANDS, FLOOR_DB
from partimento.music.sound_statistics import level_statistics

_TONE_DB = 2.5
"""Spread of a smooth random equaliser: rooms and microphones."""
_TONE_POINTS = 5
_TILT_DB = 6.0
_MIXED = 0.6
"""Share of the mixtures that really hold two recordings."""
_FLOOR = 10.0 ** (FLOOR_DB / 10.0)


@dataclass(frozen=True, slots=True)
class Variation:
    """How far a variant may be from its recording."""

    stretch: float
    """Largest logarithm of the change of speed."""
    bands: int
    """Largest shift in mel bands."""
    noise_db: tuple[float, float] | None
    """Range of the level of added noise, relative to full scale; None: no noise."""


GENTLE = Variation(0.0, 2, None)
"""For the forest, which learns from few rows and believes each."""
MEDIUM = Variation(0.15, 2, (-85.0, -60.0))
STRONG = Variation(0.2, 3, (-85.0, -50.0))


@dataclass(frozen=True, slots=True)
class Sounds:
    """Recordings to learn from: power spectrograms (N, T, M), numbers of their labels (N,)."""

    power_NTM: np.ndarray
    labels_N: np.ndarray

    def part(self, places: np.ndarray) -> Sounds:
        """Some of them."""
        return Sounds(self.power_NTM[places], self.labels_N[places])


@dataclass(frozen=True, slots=True)
class Rows:
    """Statistics (N, S) float32 and shares of the labels (N, L) float32, rows summing to one."""

    statistics_NS: np.ndarray
    labels_NL: np.ndarray

    def __len__(self) -> int:
        return len(self.statistics_NS)


def vary(power_TM: np.ndarray, how: Variation, rng: np.random.Generator) -> np.ndarray:
    """The recording at another time, speed and pitch, through another microphone."""
    frames = len(power_TM)
    power = np.roll(power_TM, int(rng.integers(frames)), axis=0)
    if how.stretch:
        rate = float(np.exp(rng.uniform(-how.stretch, how.stretch)))
        power = power[(np.arange(frames) * rate).astype(np.int64) % frames]
    power = np.roll(power, int(rng.integers(-how.bands, how.bands + 1)), axis=1)
    points = rng.normal(0.0, _TONE_DB, _TONE_POINTS)
    tone_db = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, _TONE_POINTS), points)
    return np.asarray(power * 10.0 ** (tone_db / 10.0))


def with_noise(power_TM: np.ndarray, how: Variation, rng: np.random.Generator) -> np.ndarray:
    """Stationary noise of some level and colour behind it."""
    if how.noise_db is None:
        return power_TM
    level_db = rng.uniform(*how.noise_db)
    tilt_db = rng.uniform(-_TILT_DB, _TILT_DB) * np.linspace(-1.0, 1.0, BANDS)
    noise = 10.0 ** ((level_db + tilt_db) / 10.0) * rng.exponential(1.0, power_TM.shape)
    return np.asarray(power_TM + noise)


def to_statistics(power_TM: np.ndarray) -> np.ndarray:
    """Statistics of a power spectrogram."""
    return level_statistics(10.0 * np.log10(np.maximum(power_TM, _FLOOR)))


def varied_rows(
    sounds: Sounds, how: Variation, count: int, classes: int, rng: np.random.Generator
) -> Rows:
    """Each recording as it is, and ``count`` variants of it."""
    rows, labels = [], []
    for power, label in zip(sounds.power_NTM, sounds.labels_N, strict=True):
        variants = [with_noise(vary(power, how, rng), how, rng) for _ in range(count)]
        rows += [to_statistics(each) for each in (power, *variants)]
        labels += [label] * (count + 1)
    return Rows(np.stack(rows), np.eye(classes, dtype=np.float32)[labels])


def mixed_rows(
    sounds: Sounds, how: Variation, count: int, classes: int, rng: np.random.Generator
) -> Rows:
    """``count`` variants and mixtures of two, labelled by their shares of the loudness.

    A share ``a`` of loudness is ``a^2 / (a^2 + (1 - a)^2)`` of the power.
    """
    rows = []
    power_NTM, labels_N = sounds.power_NTM, sounds.labels_N
    labels = np.zeros((count, classes), dtype=np.float32)
    for n in range(count):
        first = int(rng.integers(len(labels_N)))
        power = vary(power_NTM[first], how, rng)
        share = 1.0
        if rng.random() < _MIXED:
            second = int(rng.integers(len(labels_N)))
            share = float(rng.random())
            power = _mix(power, vary(power_NTM[second], how, rng), share)
            labels[n, labels_N[second]] += 1.0 - share
        labels[n, labels_N[first]] += share
        rows.append(to_statistics(with_noise(power, how, rng)))
    return Rows(np.stack(rows), labels)


def _mix(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Both at the same loudness, then ``share`` of the first."""
    # The factor is bounded: silence made loud would be noise.
    louder = min(1e4, first.mean() / max(second.mean(), 1e-12))
    part = share**2 / (share**2 + (1.0 - share) ** 2)
    return np.asarray(part * first + (1.0 - part) * second * louder)


def joined(*parts: Rows) -> Rows:
    """All rows of all parts."""
    return Rows(
        np.concatenate([part.statistics_NS for part in parts]),
        np.concatenate([part.labels_NL for part in parts]),
    )
