"""What a music cover is drawn from: measured on a sound, or read exactly from a MIDI file.

Shape suffixes: T time steps of the picture, B bands from low to high, F frames, N notes or samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.music.attributes import Attributes, key_profiles
from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.keys import ALL_KEYS
from partimento.music.logmel import log_mel
from partimento.tasks.audio2visual.sound_shape import (
    BANDS,
    FRAME_RATE,
    STEPS,
    SoundShape,
    onset_peaks,
    onset_strength,
    sound_shape,
)

_LOWEST_PITCH, _HIGHEST_PITCH = 28, 100
_FFT = 4096
_LONGEST_SEC = 120.0
"""Tempo and mode are measured on the first two minutes."""


@dataclass(frozen=True, slots=True)
class MusicFeatures:
    """Traits of music that a picture can show."""

    mode: str
    """"major" or "minor"."""
    tempo_bpm: float
    """Quarters a minute."""
    brightness: float
    """0 (dark) to 1: of a sound its spectral centroid, of notes their high share."""
    register: float
    """Mean pitch as a MIDI number."""
    density: float
    """Notes (of a sound: onsets) a second."""
    dynamics: float
    """0 (soft) to 1 (loud)."""
    shape: SoundShape
    """Loudness, bands and onsets over time."""
    exact: bool = False
    """True where read from notes."""

    @property
    def motion(self) -> str:
        """Calm, flowing or restless, from density and tempo."""
        pace = self.density * (0.6 + self.tempo_bpm / 300.0)
        return "calm" if pace < 2.4 else "flowing" if pace < 5.6 else "restless"

    def to_dict(self) -> dict[str, Any]:
        """JSON form without the curves."""
        return {
            "mode": self.mode,
            "tempo_bpm": round(self.tempo_bpm, 1),
            "brightness": round(self.brightness, 3),
            "register": round(self.register, 1),
            "density": round(self.density, 2),
            "dynamics": round(self.dynamics, 3),
            "motion": self.motion,
            "onsets": len(self.shape.onsets),
            "exact": self.exact,
        }


def features_of_sound(sound: Sound, shape: SoundShape | None = None) -> MusicFeatures:
    """Measure music in a sound; silence has major mode, 60 beats a minute and no onsets."""
    shape = shape or sound_shape(sound)
    if shape.silent:
        return MusicFeatures("major", 60.0, 0.0, 60.0, 0.0, 0.0, shape)
    head_N = sound.samples_N[: int(_LONGEST_SEC * SAMPLE_RATE)]
    strength_F = onset_strength(log_mel(head_N).astype(np.float64))
    seconds = max(0.5, len(head_N) / SAMPLE_RATE)
    power_P = pitch_power(head_N)
    return MusicFeatures(
        mode=mode_of(chroma(power_P)),
        tempo_bpm=tempo_of(strength_F),
        brightness=shape.brightness,
        register=_mean_pitch(power_P),
        density=len(onset_peaks(strength_F)) / seconds,
        dynamics=shape.loudness,
        shape=shape,
    )


def tempo_of(strength_F: np.ndarray) -> float:
    """Beats a minute from the autocorrelation of the onset strength, 120 where it says nothing.

    Lags are weighted by a log-normal preference around 120 (width 0.9 octaves).
    Source: Ellis, "Beat tracking by dynamic programming", 2007.
    """
    centred = strength_F - strength_F.mean()
    power = float((centred**2).sum())
    shortest, longest = int(FRAME_RATE * 60 / 240), int(FRAME_RATE * 60 / 40)
    if power < 1e-9 or len(centred) < shortest + 8:
        return 120.0
    spectrum = np.fft.rfft(centred, 2 * len(centred))
    together = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: longest + 2]
    lags = np.arange(shortest, min(longest, len(centred) - 2) + 1)
    bpm = 60.0 * FRAME_RATE / lags
    liking = np.exp(-0.5 * (np.log2(bpm / 120.0) / 0.9) ** 2)
    best = int(lags[int((together[lags] * liking).argmax())])
    left, middle, right = together[best - 1], together[best], together[best + 1]
    bend = left - 2.0 * middle + right
    # A parabola through the peak finds the place between frames.
    shift = 0.5 * (left - right) / bend if abs(bend) > 1e-12 else 0.0
    return float(60.0 * FRAME_RATE / (best + float(np.clip(shift, -0.5, 0.5))))


def pitch_power(samples_N: np.ndarray) -> np.ndarray:
    """(128,) square-rooted spectral peaks of each MIDI pitch, 0 outside 28 to 100."""
    samples_N = np.asarray(samples_N, dtype=np.float64)
    samples_N = np.pad(samples_N, (0, max(0, _FFT - len(samples_N))))
    frames = np.lib.stride_tricks.sliding_window_view(samples_N, _FFT)[:: _FFT // 2]
    window = np.hanning(_FFT)
    total = np.zeros(_FFT // 2 + 1)
    for start in range(0, len(frames), 256):
        level = np.abs(np.fft.rfft(frames[start : start + 256] * window, axis=1))
        peak = np.zeros_like(level)
        inner = level[:, 1:-1]
        peak[:, 1:-1] = inner * ((inner > level[:, :-2]) & (inner >= level[:, 2:]))
        total += np.sqrt(peak).sum(0)
    hertz = np.fft.rfftfreq(_FFT, 1.0 / SAMPLE_RATE)
    pitch = np.round(69.0 + 12.0 * np.log2(np.maximum(hertz, 1.0) / 440.0)).astype(np.int64)
    kept = (pitch >= _LOWEST_PITCH) & (pitch <= _HIGHEST_PITCH)
    power: np.ndarray = np.bincount(pitch[kept], weights=total[kept], minlength=128)
    return power


def chroma(power_P: np.ndarray) -> np.ndarray:
    """(12,) the powers of pitches summed over the octaves, C first."""
    padded = np.pad(power_P, (0, -len(power_P) % 12))
    folded: np.ndarray = padded.reshape(-1, 12).sum(0)
    return folded


def mode_of(chroma_C: np.ndarray) -> str:
    """The mode of the key whose profile correlates best with a chroma, "major" for a flat one.

    Source: Krumhansl's correlation, with the profiles of Albrecht and Shanahan (2013).
    """
    centred = chroma_C - chroma_C.mean()
    if float(np.abs(centred).max()) < 1e-12:
        return "major"
    profiles = key_profiles()
    profiles = profiles - profiles.mean(1, keepdims=True)
    score = profiles @ centred / np.linalg.norm(profiles, axis=1)
    return str(ALL_KEYS[int(score.argmax())].mode)


def _mean_pitch(power_P: np.ndarray) -> float:
    total = float(power_P.sum())
    return float((np.arange(128) * power_P).sum() / total) if total > 0 else 60.0


def features_of_piece(piece: BarPiece, attributes: Attributes) -> MusicFeatures:
    """Read the traits from notes; ``attributes`` are those that ``measure(piece)`` gives."""
    numbers = attributes.numbers
    return MusicFeatures(
        mode=attributes.mode or "major",
        tempo_bpm=float(piece.tempo_bpm),
        brightness=float(np.clip((numbers["register"] - 40.0) / 48.0, 0.0, 1.0)),
        register=numbers["register"],
        density=numbers["density"],
        dynamics=float(np.clip(numbers["dynamics"] / 127.0, 0.0, 1.0)),
        shape=_shape_of_piece(piece),
        exact=True,
    )


def _shape_of_piece(piece: BarPiece) -> SoundShape:
    end = max(1, int((piece.onset + piece.duration).max()))
    first = np.clip(piece.onset * STEPS // end, 0, STEPS - 1)
    last = np.clip(-(-(piece.onset + piece.duration) * STEPS // end), first + 1, STEPS)
    row = (piece.pitch - _LOWEST_PITCH) * BANDS // (_HIGHEST_PITCH - _LOWEST_PITCH)
    row = np.clip(row, 0, BANDS - 1)
    bands_BT = np.zeros((BANDS, STEPS))
    for band, start, stop, loud in zip(row, first, last, piece.velocity, strict=True):
        bands_BT[band, start:stop] += loud / 127.0
    # Square roots: a chord of four is not four times as loud.
    bands_BT = np.sqrt(bands_BT)
    envelope_T = np.sqrt((bands_BT**2).sum(0))
    times, place = np.unique(piece.onset, return_inverse=True)
    strength = np.bincount(place, weights=piece.velocity.astype(np.float64))
    top = float(strength.max())
    return SoundShape(
        seconds=end / TICKS * 60.0 / piece.tempo_bpm,
        loudness=float(piece.velocity.mean()) / 127.0,
        brightness=float(np.clip((piece.pitch.mean() - 40.0) / 48.0, 0.0, 1.0)),
        envelope_T=envelope_T / float(envelope_T.max()),
        bands_BT=bands_BT / float(bands_BT.max()),
        onsets=tuple(
            (float(t) / end, float(s) / top) for t, s in zip(times, strength, strict=True)
        ),
    )
