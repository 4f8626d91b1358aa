"""Sounds made by rule, one kind per label: something to hear where no recordings are at hand.

They try the machinery out and prove nothing about real sounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.tasks.audio2visual.concepts import SOUNDS

LABELS = (*SOUNDS, "Music")

Maker = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def made_sound(label: str, seed: int = 0, seconds: float | int = 5.0) -> Sound:
    """A sound of a kind: the same label, seed and length give the same samples.

    Raises ValueError for a label that is not in :data:`LABELS`.
    """
    rng = np.random.default_rng((LABELS.index(label), seed))
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = _MAKERS[label](t, rng) + 0.001 * rng.standard_normal(len(t))
    gain = rng.uniform(0.3, 0.8) / max(1e-9, float(np.abs(samples).max()))
    return Sound((gain * samples).astype(np.float32), source=f"{label} {seed}")


def _noise(
    t: np.ndarray, rng: np.random.Generator, low: float | int, high: float | int
) -> np.ndarray:
    """Noise between two frequencies in hertz."""
    spectrum = np.fft.rfft(rng.standard_normal(len(t)))
    hertz = np.fft.rfftfreq(len(t), 1 / SAMPLE_RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    made = np.fft.irfft(spectrum, len(t))
    return np.asarray(made / max(1e-9, float(made.std())))


def _tone(frequency: np.ndarray, partials: int = 6) -> np.ndarray:
    """Partials over a fundamental that may change, (N,) hertz."""
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    return np.asarray(sum(np.sin(n * phase) / n for n in range(1, partials + 1)))


def _bursts(t: np.ndarray, starts: Sequence[float] | np.ndarray, length: float | int) -> np.ndarray:
    """Bell-shaped bursts that begin at given seconds."""
    shape = np.zeros_like(t)
    for start in starts:
        inside = (t >= start) & (t < start + length)
        shape[inside] = np.sin(np.pi * (t[inside] - start) / length)
    return np.asarray(shape)


def _clicks(t: np.ndarray, times: np.ndarray, rate: float | int) -> np.ndarray:
    """Sudden onsets that die with ``rate`` nepers a second."""
    shape = np.zeros_like(t)
    for time in times:
        later = t >= time
        shape[later] += np.exp(-rate * (t[later] - time))
    return np.asarray(shape)


def _bark(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    starts = np.arange(rng.uniform(0.1, 0.3), t[-1], rng.uniform(0.6, 0.9))
    pitch = rng.uniform(350, 550) * np.ones_like(t)
    return np.asarray(_bursts(t, starts, 0.15) * (_tone(pitch) + 0.5 * _noise(t, rng, 300, 2000)))


def _rooster(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pitch = rng.uniform(650, 850) * (1 + 0.5 * np.sin(2 * np.pi * 0.5 * t))
    return np.asarray(_bursts(t, np.arange(0.1, t[-1], 1.6), 1.3) * _tone(pitch, 8))


def _rain(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(_noise(t, rng, 800, 7900) * rng.uniform(0.9, 1.1))


def _sea(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    swell = 0.15 + np.sin(np.pi * rng.uniform(0.3, 0.5) * t + rng.uniform(0, 3)) ** 2
    return np.asarray(swell * _noise(t, rng, 50, 1200))


def _fire(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    times = rng.uniform(0, t[-1], round(9 * t[-1]))
    return np.asarray(
        _clicks(t, times, 300) * _noise(t, rng, 500, 6000) + 0.02 * _noise(t, rng, 50, 400)
    )


def _baby(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pitch = rng.uniform(420, 480) * (1 + 0.03 * np.sin(2 * np.pi * 6 * t))
    return np.asarray(_bursts(t, np.arange(0.0, t[-1], 1.1), 0.95) * _tone(pitch, 12))


def _sneeze(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    start = rng.uniform(0.2, 0.5) * t[-1]
    return np.asarray(_bursts(t, [start], 0.35) * _noise(t, rng, 1000, 6500))


def _clock(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    times = np.arange(rng.uniform(0.05, 0.3), t[-1], 0.5)
    return np.asarray(_clicks(t, times, 120) * np.sin(2 * np.pi * rng.uniform(2800, 3300) * t))


def _helicopter(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    chop = _clicks(t, np.arange(0.0, t[-1], 1 / rng.uniform(10, 13)), 30)
    return np.asarray(chop * _noise(t, rng, 40, 350))


def _chainsaw(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pitch = rng.uniform(90, 130) * (1 + 0.1 * np.sin(2 * np.pi * 0.4 * t))
    return np.asarray(_tone(pitch, 40) + 0.4 * _noise(t, rng, 1000, 5000))


def _music(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    steps = rng.integers(0, len(scale), round(t[-1] / 0.25) + 2)
    pitch = scale[steps[(t / 0.25).astype(int)]]
    return np.asarray(np.exp(-6 * (t % 0.25)) * (_tone(pitch, 4) + _tone(pitch * 1.5, 2)))


_MAKERS: dict[str, Maker] = dict(
    zip(
        LABELS,
        (
            *(_bark, _rooster, _rain, _sea, _fire, _baby, _sneeze),
            *(_clock, _helicopter, _chainsaw, _music),
        ),
        strict=True,
    )
)
