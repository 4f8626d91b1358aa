"""Timbres beside piano, organ and choir: plucked, bowed, blown and struck instruments.

Each maker gives the modes of one key for :mod:`partimento.render.tones`.  Sources: plucking-point
comb, body and reed spectra after Fletcher and Rossing, "The Physics of Musical Instruments"
(chapters 9 to 15); modes of a free bar (1, 2.756, 5.404, 8.933) and of a kettledrum (1, 1.504,
1.742, 2.0, 2.245) ibidem, chapters 2 and 18.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

VELOCITY_LAYERS = 12
_MOST_PARTIALS = 40


@dataclass(frozen=True)
class Modes:
    """Damped sinusoids of one tone; all arrays have shape (M,).

    ``frequency_hz``, ``amplitude`` (linear), ``decay_per_sec``, ``phase_rad`` (0: starts at zero).
    """

    frequency_hz: np.ndarray
    amplitude: np.ndarray
    decay_per_sec: np.ndarray
    phase_rad: np.ndarray


@dataclass(frozen=True)
class Timbre:
    """A maker of modes with the length of its onset and the time constant of its release."""

    modes: Callable[[int, int, float], Modes]
    attack_sec: float
    release_sec: float


def midi_to_hz(midi: float | int) -> float:
    """Equal temperament with A4 = MIDI 69 = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


def _hardness(layer: int) -> float:
    return layer / (VELOCITY_LAYERS - 1)


def _harmonics(midi: int, nyquist_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and frequencies of the partials below the limit of hearing and sampling."""
    n = np.arange(1, _MOST_PARTIALS + 1)
    frequency = midi_to_hz(midi) * n
    keep = frequency < min(0.92 * nyquist_hz, 14_000.0)
    keep[0] = True
    return n[keep], frequency[keep]


def _formants(frequency: np.ndarray, peaks: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """Gain of resonances given as (centre in Hz, half width in Hz, height)."""
    gain = sum(
        (g / (1.0 + ((frequency - f) / w) ** 2) for f, w, g in peaks), np.zeros(len(frequency))
    )
    return np.asarray(gain)


def _plucked(place: float, slope: float, ring: float) -> Callable[[int, int, float], Modes]:
    """A string plucked at ``place`` of its length.

    Partials fall with ``slope``; middle C dies with ``ring`` nepers a second.
    """

    def modes(midi: int, layer: int, nyquist_hz: float) -> Modes:
        n, frequency = _harmonics(midi, nyquist_hz)
        comb = np.abs(np.sin(np.pi * n * place)) / np.sin(np.pi * place)
        corner = 1400.0 + 3200.0 * _hardness(layer)
        amplitude = comb / n**slope * np.exp(-(((frequency - frequency[0]) / corner) ** 0.8))
        amplitude[0] = max(amplitude[0], 1.0)
        decay = ring * 2.0 ** ((midi - 60) / 18.0) + 6e-4 * (frequency - frequency[0])
        return Modes(frequency, amplitude, decay, np.zeros(len(n)))

    return modes


def _bowed(midi: int, layer: int, nyquist_hz: float) -> Modes:
    """Several bowed strings: a sawtooth through the resonances of the body."""
    n, frequency = _harmonics(midi, nyquist_hz)
    corner = 1500.0 + 2600.0 * _hardness(layer)
    body = 0.55 + _formants(
        frequency, ((290.0, 90.0, 0.5), (460.0, 120.0, 0.45), (2400.0, 900.0, 0.5))
    )
    amplitude = body / n * np.exp(-((frequency - frequency[0]) / corner))
    return _ensemble(frequency, amplitude, (-3.6, 0.0, 4.1), (0.2, 0.6, 0.2))


def _flute(midi: int, layer: int, nyquist_hz: float) -> Modes:
    n, frequency = _harmonics(midi, nyquist_hz)
    level = np.array([1.0, 0.42, 0.2, 0.08, 0.045, 0.025, 0.015, 0.01])[: len(n)]
    bright = (0.55 + 0.45 * _hardness(layer)) ** np.arange(len(level))
    return _ensemble(frequency[: len(level)], level * bright, (0.0, 2.2), (0.75, 0.25))


def _reed(odd: float) -> Callable[[int, int, float], Modes]:
    """A reed pipe; ``odd`` weakens the even partials, as in a clarinet."""

    def modes(midi: int, layer: int, nyquist_hz: float) -> Modes:
        n, frequency = _harmonics(midi, nyquist_hz)
        corner = 1700.0 + 2400.0 * _hardness(layer)
        pipe = 0.4 + _formants(frequency, ((1050.0, 420.0, 1.0), (2900.0, 700.0, 0.35)))
        amplitude = pipe / n**0.7 * np.exp(-((frequency - frequency[0]) / corner))
        amplitude = np.where(n % 2 == 0, amplitude * (1.0 - odd), amplitude)
        amplitude[0] = max(amplitude[0], 0.5 * amplitude.max())
        return _ensemble(frequency, amplitude, (0.0, 1.8), (0.8, 0.2))

    return modes


def _brass(midi: int, layer: int, nyquist_hz: float) -> Modes:
    """A horn: the louder, the more of its upper partials."""
    n, frequency = _harmonics(midi, nyquist_hz)
    corner = 700.0 + 2600.0 * _hardness(layer)
    bell = 0.5 + _formants(frequency, ((900.0, 600.0, 0.7),))
    amplitude = bell / n**0.5 * np.exp(-((frequency - frequency[0]) / corner))
    return _ensemble(frequency, amplitude, (0.0, 1.4), (0.8, 0.2))


def _bells(midi: int, layer: int, nyquist_hz: float) -> Modes:
    """A struck bar with a resonator: its fundamental rings, the rest is the stroke."""
    ratio = np.array([1.0, 2.0, 2.756, 4.0, 5.404, 8.933])
    level = np.array([1.0, 0.12, 0.34, 0.08, 0.16, 0.07])
    frequency = midi_to_hz(midi) * ratio
    keep = frequency < min(0.92 * nyquist_hz, 14_000.0)
    keep[0] = True
    bright = (0.5 + 0.5 * _hardness(layer)) ** np.arange(len(ratio))
    ring = 0.9 * 2.0 ** ((midi - 72) / 24.0)
    decay = ring * np.array([1.0, 1.6, 4.0, 5.0, 8.0, 14.0])
    count = int(keep.sum())
    return Modes(frequency[keep], (level * bright)[keep], decay[keep], np.zeros(count))


def _kettle(midi: int, layer: int, nyquist_hz: float) -> Modes:
    """A kettledrum: the nearly harmonic modes of its skin."""
    ratio = np.array([1.0, 1.504, 1.742, 2.0, 2.245, 2.494])
    level = np.array([1.0, 0.5, 0.18, 0.3, 0.16, 0.1])
    bright = (0.5 + 0.5 * _hardness(layer)) ** np.arange(len(ratio))
    frequency = midi_to_hz(midi) * ratio
    keep = frequency < 0.92 * nyquist_hz
    decay = np.array([1.4, 2.0, 4.5, 2.6, 5.0, 3.5])
    count = int(keep.sum())
    return Modes(frequency[keep], (level * bright)[keep], decay[keep], np.zeros(count))


def _ensemble(
    frequency: np.ndarray,
    amplitude: np.ndarray,
    cents: tuple[float, ...],
    weights: tuple[float, ...],
) -> Modes:
    """A held tone played by a few that are a hair apart in tuning, so that it lives."""
    keep = amplitude > 1e-3 * amplitude.max()
    keep[0] = True
    ratio = 2.0 ** (np.array(cents) / 1200.0)
    phase = 1.1 * np.arange(len(cents))
    return Modes(
        np.outer(ratio, frequency[keep]).ravel(),
        np.outer(weights, amplitude[keep]).ravel(),
        np.zeros(len(cents) * int(keep.sum())),
        np.outer(phase, np.ones(int(keep.sum()))).ravel(),
    )


MORE: dict[str, Timbre] = {
    "plucked": Timbre(_plucked(0.21, 1.05, 1.1), 0.004, 0.06),
    "harpsichord": Timbre(_plucked(0.13, 0.55, 1.0), 0.003, 0.05),
    "bowed": Timbre(_bowed, 0.06, 0.07),
    "flute": Timbre(_flute, 0.045, 0.05),
    "reed": Timbre(_reed(0.0), 0.03, 0.045),
    "clarinet": Timbre(_reed(0.75), 0.035, 0.05),
    "brass": Timbre(_brass, 0.04, 0.055),
    "bells": Timbre(_bells, 0.003, 0.25),
    "kettledrum": Timbre(_kettle, 0.012, 0.2),
}
"""Timbres by name."""

TIMBRE_OF: dict[str, str] = {
    "piano": "piano",
    "harpsichord": "harpsichord",
    "bells": "bells",
    "organ": "organ",
    "choir": "choir",
    "timpani": "kettledrum",
    **dict.fromkeys(("guitar", "bass guitar", "harp", "banjo", "sitar"), "plucked"),
    **dict.fromkeys(("shamisen", "koto"), "plucked"),
    **dict.fromkeys(("violin", "viola", "cello", "double bass", "strings"), "bowed"),
    **dict.fromkeys(("trumpet", "trombone", "tuba", "horn", "brass"), "brass"),
    **dict.fromkeys(("flute", "recorder", "whistle"), "flute"),
    **dict.fromkeys(("oboe", "bassoon", "saxophone", "accordion", "bagpipe"), "reed"),
    **dict.fromkeys(("clarinet", "synthesizer"), "clarinet"),
}
"""Name of an instrument class -> the timbre that stands for it."""
