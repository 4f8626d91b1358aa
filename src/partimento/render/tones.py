"""Single tones as sums of damped sinusoids: a piano, an organ, a choir, and further timbres.

A struck string rings in modes, each ``amplitude * exp(-decay * t) * sin(2 pi f t + phase)``.
:func:`tone` sums the modes of one key with one matrix product: with the time written as block
start plus offset, ``exp(s (t_b + t_k)) = exp(s t_b) exp(s t_k)``, so a tone of N samples and M
modes needs only ``N/K * M + M * K`` exponentials instead of ``N * M`` (K: block length).

Sources for the piano: inharmonicity after Rigaud, David and Daudet, "A parametric model of piano
tuning" (DAFx 2011); strike-position comb and hammer low-pass after Fletcher and Rossing, "The
Physics of Musical Instruments", chapter 12; two-stage decay after Weinreich, "Coupled piano
strings" (JASA 62, 1977).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from partimento.render.timbres import MORE, VELOCITY_LAYERS, Modes, midi_to_hz

TIMBRES = ("piano", "organ", "choir", *MORE)
_BLOCK = 512
_LEVEL_WINDOW_SEC = 0.4
_MAX_PARTIALS = 48


def velocity_layer(velocity: int) -> int:
    """Layer 0 (softest) to ``VELOCITY_LAYERS - 1`` of a MIDI velocity 1..127."""
    return round((min(max(velocity, 1), 127) - 1) / 126 * (VELOCITY_LAYERS - 1))


def attack_sec(midi: int, timbre: str) -> float:
    """Length of the raised-cosine onset."""
    if timbre == "piano":
        return float(np.interp(midi, [21, 60, 108], [0.006, 0.003, 0.0015]))
    if timbre in MORE:
        return MORE[timbre].attack_sec
    return 0.025 if timbre == "organ" else 0.09


def release_sec(midi: int, timbre: str) -> float:
    """Time constant with which a tone dies after its key is let go."""
    if timbre == "piano":
        return float(np.interp(midi, [21, 60, 108], [0.12, 0.07, 0.05]))
    if timbre in MORE:
        return MORE[timbre].release_sec
    return 0.04 if timbre == "organ" else 0.08


def inharmonicity(midi: int) -> float:
    """Stiffness coefficient B of a piano string: bass bridge plus treble bridge."""
    return float(np.exp(-0.0847 * midi - 5.82) + np.exp(0.0926 * midi - 13.64))


def _piano_partials(midi: int, hardness: float, nyquist_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and amplitudes of the audible partials of one string."""
    n = np.arange(1, _MAX_PARTIALS + 1)
    stiffness = inharmonicity(midi)
    # Divided by the first partial's own shift, so that the fundamental is exactly in tune.
    stretch = np.sqrt((1.0 + stiffness * n**2) / (1.0 + stiffness))
    frequency = midi_to_hz(midi) * n * stretch
    strike = np.interp(midi, [21, 60, 108], [1 / 7.5, 1 / 8.2, 1 / 14])
    comb = np.abs(np.sin(np.pi * n * strike)) / np.sin(np.pi * strike)
    corner_hz = (500.0 + 1900.0 * hardness) * np.interp(midi, [21, 60, 108], [0.7, 1.0, 2.2])
    amplitude = comb / n**0.85 * np.exp(-(((frequency - frequency[0]) / corner_hz) ** 0.9))
    amplitude = np.maximum(amplitude, 2e-4 * hardness)
    audible = (frequency < 0.92 * nyquist_hz) & (amplitude > 1e-3)
    audible[0] = True
    return frequency[audible], amplitude[audible]


def _piano(midi: int, layer: int, nyquist_hz: float) -> Modes:
    hardness = layer / (VELOCITY_LAYERS - 1)
    frequency, amplitude = _piano_partials(midi, hardness, nyquist_hz)
    slow = 0.35 * 2.0 ** ((midi - 48) / 16.0) + 2.2e-4 * (frequency - frequency[0])
    fast = 3.2 * slow + 0.9
    detune_hz = 0.11 + 0.0004 * frequency
    knock_hz = np.array([82.0, 127.0, 205.0, 318.0, 467.0])
    knock = 0.035 * (0.4 + hardness) * np.array([1.0, 0.9, 0.7, 0.5, 0.35])
    return Modes(
        np.concatenate([frequency, frequency + detune_hz, knock_hz]),
        np.concatenate([0.8 * amplitude, 0.2 * amplitude, knock]),
        np.concatenate([fast, slow, np.full(5, 38.0)]),
        np.zeros(2 * len(frequency) + 5),
    )


def _organ(midi: int, layer: int, nyquist_hz: float) -> Modes:
    stops = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
    brightness = 0.5 + 0.5 * layer / (VELOCITY_LAYERS - 1)
    level = np.array([1.0, 0.55, 0.28, 0.24, 0.08, 0.09]) * brightness ** np.arange(6)
    frequency = midi_to_hz(midi) * stops
    keep = frequency < 0.92 * nyquist_hz
    count = int(keep.sum())
    # Two pipes per rank, a hair apart in tuning, keep the tone from sounding frozen.
    return Modes(
        np.concatenate([frequency[keep], frequency[keep] * 1.0006]),
        np.concatenate([0.7 * level[keep], 0.3 * level[keep]]),
        np.zeros(2 * count),
        np.concatenate([np.zeros(count), 0.7 * np.arange(count)]),
    )


def _choir(midi: int, layer: int, nyquist_hz: float) -> Modes:
    n = np.arange(1, 33)
    frequency = midi_to_hz(midi) * n
    formants = ((620.0, 130.0, 1.0), (1080.0, 160.0, 0.55), (2650.0, 260.0, 0.22))
    vowel = sum(g / (1.0 + ((frequency - f) / w) ** 2) for f, w, g in formants) + 0.04
    softness = 1.5 - 0.5 * layer / (VELOCITY_LAYERS - 1)
    amplitude = (0.35 * (n == 1) + vowel) / n ** (0.5 * softness)
    keep = (frequency < 0.92 * nyquist_hz) & (amplitude > 2e-3)
    keep[0] = True
    frequency, amplitude = frequency[keep], amplitude[keep]
    singers_cent = np.array([-4.5, 0.0, 5.1])
    weights = np.array([0.17, 0.66, 0.17])
    ratio = 2.0 ** (singers_cent / 1200.0)
    return Modes(
        np.outer(ratio, frequency).ravel(),
        np.outer(weights, amplitude).ravel(),
        np.zeros(3 * len(frequency)),
        np.outer([0.0, 1.1, 2.3], np.ones(len(frequency))).ravel(),
    )


def tone_modes(midi: int, layer: int, timbre: str, sample_rate: int) -> Modes:
    """Modes of one key, scaled so that all keys have the same level over their first 0.4 s.

    Raises ValueError for an unknown timbre.
    """
    makers: dict[str, Callable[[int, int, float], Modes]] = {
        "piano": _piano,
        "organ": _organ,
        "choir": _choir,
    }
    makers |= {name: made.modes for name, made in MORE.items()}
    if timbre not in makers:
        raise ValueError(f"timbre {timbre!r} is unknown; choose one of {', '.join(makers)}")
    modes = makers[timbre](midi, layer, sample_rate / 2)
    fade = 2.0 * modes.decay_per_sec * _LEVEL_WINDOW_SEC
    mean_power = np.where(fade > 1e-9, -np.expm1(-fade) / np.maximum(fade, 1e-9), 1.0)
    level = np.sqrt(np.sum(modes.amplitude**2 * mean_power) / 2.0)
    # Bass strings fill the mix with many partials; a mild slope keeps the upper voices clear.
    tilt = 2.0 ** ((midi - 60) / 96.0)
    return Modes(
        modes.frequency_hz, modes.amplitude / level * tilt, modes.decay_per_sec, modes.phase_rad
    )


def sum_modes(modes: Modes, samples: int, sample_rate: int) -> np.ndarray:
    """The plain sum of the modes, float32 of shape (samples,), from time 0."""
    blocks = -(-samples // _BLOCK)
    exponent = (-modes.decay_per_sec + 2j * np.pi * modes.frequency_hz) / sample_rate
    start = modes.amplitude * np.exp(1j * modes.phase_rad)
    at_block = start * np.exp(np.outer(np.arange(blocks) * _BLOCK, exponent))
    in_block = np.exp(np.outer(exponent, np.arange(_BLOCK)))
    # Im(x * y) = Re(x) Im(y) + Im(x) Re(y): one real product of inner size 2 M.
    left = np.concatenate([at_block.real, at_block.imag], axis=1).astype(np.float32)
    right = np.concatenate([in_block.imag, in_block.real], axis=0).astype(np.float32)
    return np.asarray((left @ right).reshape(-1)[:samples])


@lru_cache(maxsize=96)
def tone(midi: int, layer: int, samples: int, sample_rate: int, timbre: str) -> np.ndarray:
    """A held tone with its onset, float32 of shape (samples,), read-only, without DC.

    Deterministic.  Cached, because a piece uses few different keys.
    """
    wave = sum_modes(tone_modes(midi, layer, timbre, sample_rate), samples, sample_rate)
    rise = min(samples, max(2, round(attack_sec(midi, timbre) * sample_rate)))
    wave[:rise] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)).astype(np.float32)
    # The ramp leaves a small offset; a slow pulse of the opposite area takes it away.
    pulse = np.sin(np.pi * np.linspace(0.0, 1.0, min(samples, sample_rate // 8))) ** 2
    wave[: len(pulse)] -= (pulse * (float(wave.sum()) / pulse.sum())).astype(np.float32)
    wave.flags.writeable = False
    return wave
