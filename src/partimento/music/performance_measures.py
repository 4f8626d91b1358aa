"""Musical measures of a performance: notes on the grid of 10 ms in, plain numbers out.

=========================== =====================================================================
measure                     meaning
=========================== =====================================================================
notes_per_second            notes divided by the time from the first onset to the last end
velocity_mean, velocity_sd  MIDI velocity, 0..127
ioi_median_sec              time between successive chords (onsets within 35 ms are one chord)
ioi_spread_octaves          standard deviation of log2 of it
duration_median_sec         sounding length, pedal included
polyphony_mean              notes sounding, averaged over the time in which any sounds
silence_share               share of the time in which none does
pitch_mean, pitch_sd        MIDI pitch
pitch_class_entropy_bits    entropy of the pitch classes of all notes, 3.58 at most
scale_share                 share of the notes in the best-fitting diatonic scale (Mogren 2016)
key_consistency             share of the windows of 8 s in the key of the whole or its relative
groove_similarity           likeness of onsets in neighbouring windows, see the function
pulse_clarity               highest autocorrelation of the onsets at lags of 0.2 to 2 s
self_similarity             how well each window of 4 s finds its pitch classes again, 8 s away
repeated_share_4, _7        share of the runs of 4 (7) pitches that occurred before in the piece
=========================== =====================================================================

There are no beats in a performance; measures that need some elsewhere (Wu and Yang 2020) use
windows of fixed length here, and :func:`bar_patterns` where the bars are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from partimento.music.events import BIN_WIDTH, TICKS_PER_SECOND, TickNotes
from partimento.music.keys import Key, detect_key
from partimento.music.pitch_runs import chord_numbers, collapsed_pitches, pack_grams

KEY_WINDOW_SEC, GROOVE_WINDOW_SEC, CHROMA_WINDOW_SEC = 8, 4, 4
GROOVE_POSITIONS = 32
FAR_WINDOWS = 2
"""Windows nearer than this do not count as finding something again."""
PULSE_LAGS_SEC = (0.2, 2.0)
MAJOR_SCALE = np.array([0, 2, 4, 5, 7, 9, 11])

SCALARS = (
    "notes_per_second",
    "velocity_mean",
    "velocity_sd",
    "ioi_median_sec",
    "ioi_spread_octaves",
    "duration_median_sec",
    "polyphony_mean",
    "silence_share",
    "pitch_mean",
    "pitch_sd",
    "pitch_class_entropy_bits",
    "scale_share",
    "key_consistency",
    "groove_similarity",
    "pulse_clarity",
    "self_similarity",
    "repeated_share_4",
    "repeated_share_7",
)


def measure_performance(notes: TickNotes) -> dict[str, Any]:
    """All measures of the module, with ``notes``, ``seconds`` and the ``key``.

    A measure that the piece is too short for is None.  Raises ValueError for no notes.
    """
    if len(notes) == 0:
        raise ValueError("a performance without notes has no measures")
    classes = pitch_classes(notes)
    key = detect_key(classes)
    return {
        "notes": len(notes),
        "seconds": span_sec(notes),
        "key": key.name,
        **_playing(notes),
        **_sounding(notes),
        "pitch_mean": float(notes.pitch.mean()),
        "pitch_sd": float(notes.pitch.std()),
        "pitch_class_entropy_bits": entropy_bits(classes),
        "scale_share": scale_share(classes),
        "key_consistency": key_consistency(notes, key),
        "groove_similarity": groove_similarity(window_patterns(notes)),
        "pulse_clarity": pulse_clarity(notes),
        "self_similarity": self_similarity(notes),
        "repeated_share_4": repeated_share(notes, 4),
        "repeated_share_7": repeated_share(notes, 7),
    }


def span_sec(notes: TickNotes) -> float:
    """Seconds from the first onset to the last end."""
    return (notes.ticks - int(notes.onset[0])) / TICKS_PER_SECOND


def excerpt(notes: TickNotes, start_tick: int, ticks: int) -> TickNotes:
    """The notes that begin within ``ticks`` of ``start_tick``, their ends kept, from tick 0 on."""
    inside = (notes.onset >= start_tick) & (notes.onset < start_tick + ticks)
    return notes.select(inside).shifted(-start_tick)


def velocities(notes: TickNotes) -> np.ndarray:
    """MIDI velocities (N,): the middle of each bin."""
    middles: np.ndarray = notes.bin * BIN_WIDTH + BIN_WIDTH // 2
    return middles


def inter_onsets_sec(notes: TickNotes) -> np.ndarray:
    """Seconds between the first onsets of successive chords."""
    first = np.flatnonzero(np.diff(chord_numbers(notes.onset), prepend=-1))
    return np.diff(notes.onset[first]) / TICKS_PER_SECOND


def durations_sec(notes: TickNotes) -> np.ndarray:
    """Sounding lengths (N,)."""
    seconds: np.ndarray = (notes.offset - notes.onset) / TICKS_PER_SECOND
    return seconds


def pitch_classes(notes: TickNotes) -> np.ndarray:
    """Notes of each pitch class (12,)."""
    return np.bincount(notes.pitch % 12, minlength=12).astype(np.float64)


def entropy_bits(counts: np.ndarray) -> float:
    """Entropy of a histogram."""
    p = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(p * np.log2(p)).sum()))


def scale_share(classes: np.ndarray) -> float:
    """Share of the notes in the best of the twelve diatonic scales."""
    inside = [classes[(MAJOR_SCALE + tonic) % 12].sum() for tonic in range(12)]
    return float(max(inside) / classes.sum())


def key_consistency(notes: TickNotes, key: Key) -> float | None:
    """Share of the windows of 8 s, each overlapping half the next, in ``key`` or its relative.

    Windows of fewer than 8 notes are left out; None when all are.
    """
    half = KEY_WINDOW_SEC * TICKS_PER_SECOND // 2
    begin, last = int(notes.onset[0]), int(notes.onset[-1])
    signatures = []
    for start in range(begin, max(last - 2 * half, begin) + 1, half):
        inside = (notes.onset >= start) & (notes.onset < start + 2 * half)
        if inside.sum() >= 8:
            weights = np.bincount(notes.pitch[inside] % 12, minlength=12).astype(np.float64)
            signatures.append(_collection(detect_key(weights)))
    if not signatures:
        return None
    return sum(signature == _collection(key) for signature in signatures) / len(signatures)


def _collection(key: Key) -> int:
    """Tonic of the major scale with the same notes: one number for a key and its relative."""
    return (key.tonic_pitch_class + (3 if key.mode == "minor" else 0)) % 12


def window_patterns(notes: TickNotes) -> np.ndarray:
    """Bool (W, 32): is there an onset in each 32nd of every full window of 4 s?"""
    ticks = GROOVE_WINDOW_SEC * TICKS_PER_SECOND
    onset = notes.onset - notes.onset[0]
    count = int(onset[-1]) // ticks
    patterns = np.zeros((count + 1, GROOVE_POSITIONS), dtype=bool)
    patterns[onset // ticks, onset % ticks * GROOVE_POSITIONS // ticks] = True
    return patterns[:count]


def bar_patterns(
    onset_sec: np.ndarray, bar_sec: np.ndarray, positions: int = GROOVE_POSITIONS
) -> np.ndarray:
    """Bool (B, ``positions``): is there an onset in each part of every bar?

    ``bar_sec`` (B + 1,) are the bar lines, the last one closing the last bar.
    """
    bar = np.searchsorted(bar_sec, onset_sec, side="right") - 1
    inside = (bar >= 0) & (bar < len(bar_sec) - 1)
    bar, onset_sec = bar[inside], onset_sec[inside]
    phase = (onset_sec - bar_sec[bar]) / (bar_sec[bar + 1] - bar_sec[bar])
    patterns = np.zeros((max(0, len(bar_sec) - 1), positions), dtype=bool)
    patterns[bar, np.minimum((phase * positions).astype(int), positions - 1)] = True
    return patterns


def groove_similarity(patterns: np.ndarray) -> float | None:
    """Mean over neighbouring rows of 1 - share of positions that differ (after Wu and Yang 2020).

    They compare bars; windows without beats begin anywhere in the bar, so the second row is turned
    to where it fits best.  Rows without onsets are left out; None with fewer than two rows.
    """
    rows = patterns[patterns.any(axis=1)]
    if len(rows) < 2:
        return None
    turned = np.stack([np.roll(rows[1:], shift, axis=1) for shift in range(rows.shape[1])])
    equal = (turned == rows[None, :-1]).mean(axis=2)
    return float(equal.max(axis=0).mean())


def pulse_clarity(notes: TickNotes) -> float | None:
    """Highest normalised autocorrelation of the onsets at lags of 0.2 to 2 s.

    Onsets are blurred by 20 ms.  None for pieces that are shorter than three of the longest lags.
    """
    onset = notes.onset - notes.onset[0]
    low, high = (round(lag * TICKS_PER_SECOND) for lag in PULSE_LAGS_SEC)
    if int(onset[-1]) < 3 * high:
        return None
    train = np.bincount(onset, minlength=int(onset[-1]) + 1).astype(np.float64)
    blur = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    curve = np.convolve(np.minimum(train, 1.0), blur)
    curve -= curve.mean()
    size = 1 << (2 * len(curve) - 1).bit_length()
    spectrum = np.fft.rfft(curve, size)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum), size)
    return float(correlation[low : high + 1].max() / max(correlation[0], 1e-12))


def chroma_windows(notes: TickNotes) -> np.ndarray:
    """Pitch classes (W, 12) of the notes that begin in each window of 4 s, of length one.

    Windows without notes are zero.
    """
    ticks = CHROMA_WINDOW_SEC * TICKS_PER_SECOND
    window = (notes.onset - notes.onset[0]) // ticks
    chroma = np.zeros((int(window[-1]) + 1, 12))
    np.add.at(chroma, (window, notes.pitch % 12), 1.0)
    norm = np.linalg.norm(chroma, axis=1, keepdims=True)
    return chroma / np.maximum(norm, 1.0)


def self_similarity(notes: TickNotes) -> float | None:
    """Mean over the windows of their best cosine with a window 8 s away or more.

    None for pieces of fewer than three windows.
    """
    chroma = chroma_windows(notes)
    count = len(chroma)
    if count <= FAR_WINDOWS:
        return None
    alike = chroma @ chroma.T
    index = np.arange(count)
    far = np.abs(index[:, None] - index[None, :]) >= FAR_WINDOWS
    able = far.any(axis=1)
    return float(np.where(far, alike, -1.0)[able].max(axis=1).mean())


def repeated_share(notes: TickNotes, n: int) -> float | None:
    """Share of the runs of ``n`` chord-collapsed pitches that came before; None without runs."""
    grams = pack_grams(collapsed_pitches(notes), n)
    return None if len(grams) == 0 else 1.0 - len(np.unique(grams)) / len(grams)


def _playing(notes: TickNotes) -> dict[str, float | None]:
    """Density, velocity and time between onsets."""
    loud, steps = velocities(notes), inter_onsets_sec(notes)
    return {
        "notes_per_second": len(notes) / span_sec(notes),
        "velocity_mean": float(loud.mean()),
        "velocity_sd": float(loud.std()),
        "ioi_median_sec": float(np.median(steps)) if len(steps) else None,
        "ioi_spread_octaves": float(np.log2(steps).std()) if len(steps) else None,
    }


def _sounding(notes: TickNotes) -> dict[str, float]:
    """Durations, polyphony and silence."""
    lengths = durations_sec(notes)
    begin = int(notes.onset[0])
    change = np.zeros(notes.ticks - begin + 1, dtype=np.int64)
    np.add.at(change, notes.onset - begin, 1)
    np.add.at(change, notes.offset - begin, -1)
    sounding = np.cumsum(change)[:-1]
    return {
        "duration_median_sec": float(np.median(lengths)),
        "polyphony_mean": float(sounding[sounding > 0].mean()),
        "silence_share": float((sounding == 0).mean()),
    }


def scalars(measures: Mapping[str, Any]) -> dict[str, float | None]:
    """The numbers of :data:`SCALARS` out of :func:`measure_performance`."""
    return {name: measures[name] for name in SCALARS}
