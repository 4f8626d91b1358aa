"""What a piece is made of, in numbers: the view that the style classifier has of it.

Tempo, velocity and the kind of instrument are left out on purpose: in the corpora they tell where
a file comes from rather than what it is.  The top line is the highest note of every onset.
Shape suffixes: N notes, T onsets, B bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from partimento.music.attributes import (
    held_share,
    key_profiles,
    mean_polyphony,
    pitch_class_weights,
)
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.keys import ALL_KEYS

_METERS = ("4/4", "3/4", "2/4", "6/8", "2/2", "9/8", "3/8", "12/8")
_GAPS: tuple[tuple[str, int, int], ...] = (
    *(("up_to_32nd", 1, 3), ("triplet_16th", 4, 4), ("16th", 5, 6), ("triplet_8th", 7, 8)),
    *(("dotted_16th", 9, 9), ("8th", 10, 12), ("triplet_4th", 13, 16), ("dotted_8th", 17, 18)),
    *(("4th", 19, 24), ("dotted_4th", 25, 36), ("half", 37, 48), ("longer", 49, 10**6)),
)
"""Name, least and greatest ticks to the next onset."""
_STEPS: tuple[tuple[str, int, int], ...] = (
    *(("repeat", 0, 0), ("step", 1, 2), ("third", 3, 4), ("fourth_fifth", 5, 7)),
    *(("sixth_seventh", 8, 11), ("octave", 12, 12), ("wider", 13, 127)),
)
"""Name, least and greatest semitones between neighbours of the top line."""
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True, slots=True)
class _Line:
    """Onsets (T,) ticks and top pitches (T,)."""

    onset: np.ndarray
    pitch: np.ndarray


def piece_statistics(piece: BarPiece) -> dict[str, float]:
    """Named numbers, always the same names in the same order, all finite.

    Raises ValueError for a piece without notes.
    """
    if len(piece) == 0:
        raise ValueError("a piece without notes has no statistics")
    line = _top_line(piece)
    return {
        **_meter(piece),
        **_amounts(piece, line),
        **_rhythm(piece, line),
        **_places(piece, line),
        **_melody(line),
        **_pitches(piece),
        **_tonality(piece, line),
        **_repetition(piece),
    }


def _top_line(piece: BarPiece) -> _Line:
    order = np.lexsort((-piece.pitch, piece.onset))
    onset, first = np.unique(piece.onset[order], return_index=True)
    return _Line(onset, piece.pitch[order][first])


def _shares(values: np.ndarray, classes: Sequence[tuple[str, int, int]]) -> Iterable[float]:
    total = max(1, len(values))
    return (float(((values >= low) & (values <= high)).sum()) / total for _, low, high in classes)


def _mean(values: np.ndarray, otherwise: float = 0.0) -> float:
    return float(values.mean()) if len(values) else otherwise


def _meter(piece: BarPiece) -> dict[str, float]:
    found = {f"meter_{name}": float(piece.meter == name) for name in _METERS}
    beats = int(piece.meter.partition("/")[0])
    return {
        **found,
        "bar_quarters": piece.bar_ticks / TICKS,
        "compound": float(beats % 3 == 0 and beats > 3),
        "triple": float(beats in (3, 9)),
    }


def _amounts(piece: BarPiece, line: _Line) -> dict[str, float]:
    """How much happens at once and after one another."""
    quarters = piece.bars * piece.bar_ticks / TICKS
    bars = max(1, len(np.unique(piece.onset // piece.bar_ticks)))
    return {
        "notes_per_quarter": len(piece) / quarters,
        "onsets_per_quarter": len(line.onset) / quarters,
        "onsets_per_bar": len(line.onset) / bars,
        "notes_per_onset": len(piece) / len(line.onset),
        "chord_share": _mean(np.diff(np.append(_first_of(piece), len(piece))) > 1),
        "polyphony": mean_polyphony(piece),
        "instruments": float(len(np.unique(piece.instrument))),
        "held": held_share(piece),
        "empty_bars": 1.0 - bars / piece.bars,
    }


def _first_of(piece: BarPiece) -> np.ndarray:
    """(T,) index of the first note of every onset; notes are sorted by onset."""
    first: np.ndarray = np.unique(piece.onset, return_index=True)[1]
    return first


def _rhythm(piece: BarPiece, line: _Line) -> dict[str, float]:
    """Times between onsets, alone and in pairs."""
    gap = np.diff(line.onset)
    shares = zip(_GAPS, _shares(gap, _GAPS), strict=True)
    one, two = gap[:-1], gap[1:]
    held = np.minimum(piece.duration, piece.bar_ticks) / piece.bar_ticks
    return {
        **{f"gap_{name}": share for (name, _, _), share in shares},
        "equal_pairs": _mean(one == two),
        "dotted_pairs": _mean((one == 3 * two) & (two <= TICKS)),
        "snapped_pairs": _mean((two == 3 * one) & (one <= TICKS)),
        "long_short_pairs": _mean((one == 2 * two) & (two <= TICKS)),
        "short_long_pairs": _mean((two == 2 * one) & (one <= TICKS)),
        "triplet_runs": _mean((gap % 8 == 0) & (gap % 3 != 0)),
        "kinds_of_gap": float(len(np.unique(gap))) / np.sqrt(max(1, len(gap))),
        "mean_duration_bars": float(held.mean()),
        "duration_spread_bars": float(held.std()),
    }


def _places(piece: BarPiece, line: _Line) -> dict[str, float]:
    """Where in the bar and in the quarter notes begin."""
    place = line.onset % piece.bar_ticks
    inside = line.onset % TICKS
    bars = np.unique(line.onset // piece.bar_ticks)
    eighths = np.minimum(place // (piece.bar_ticks // 6 or 1), 5)
    started = np.bincount(eighths, minlength=6) / max(1, len(bars))
    return {
        "bars_begun": _mean(np.isin(bars * piece.bar_ticks, line.onset)),
        "bars_middle": _mean(np.isin(bars * piece.bar_ticks + piece.bar_ticks // 2, line.onset)),
        **{f"onsets_sixth_{i + 1}": float(value) for i, value in enumerate(started)},
        "on_quarter": _mean(inside == 0),
        "on_eighth": _mean(inside == 12),
        "on_sixteenth": _mean((inside == 6) | (inside == 18)),
        "on_triplet": _mean((inside == 8) | (inside == 16)),
        "syncopation": _syncopation(line.onset, TICKS),
        "final_place": float(line.onset[-1] % piece.bar_ticks) / piece.bar_ticks,
    }


def _syncopation(onset: np.ndarray, beat: int) -> float:
    """Share of the onsets inside a beat whose note lasts over the next beat without an onset."""
    inside = onset[onset % beat != 0]
    following = -(-inside // beat) * beat
    return float((~np.isin(following, onset)).sum()) / len(onset)


def _melody(line: _Line) -> dict[str, float]:
    step = np.diff(line.pitch)
    size = np.abs(step)
    shares = zip(_STEPS, _shares(size, _STEPS), strict=True)
    turned = np.sign(step[1:]) * np.sign(step[:-1]) < 0
    return {
        **{f"melody_{name}": share for (name, _, _), share in shares},
        "melody_size": _mean(np.minimum(size, 12)),
        "melody_up": _mean(step > 0, 0.5),
        "melody_turns": _mean(turned),
        "melody_range": float(np.quantile(line.pitch, 0.95) - np.quantile(line.pitch, 0.05)),
        "melody_register": float(line.pitch.mean()),
    }


def _pitches(piece: BarPiece) -> dict[str, float]:
    low, middle, high = np.quantile(piece.pitch, (0.05, 0.5, 0.95))
    return {
        "lowest": float(low),
        "median_pitch": float(middle),
        "highest": float(high),
        "range": float(high - low),
        "kinds_of_pitch": float(len(np.unique(piece.pitch))) / np.sqrt(len(piece)),
    }


def _tonality(piece: BarPiece, line: _Line) -> dict[str, float]:
    """How well keys fit, and what lies outside of them."""
    weights = pitch_class_weights(piece)
    share = weights / max(1e-9, weights.sum())
    distance = ((key_profiles() - share) ** 2).sum(1)
    minor = np.array([key.mode == "minor" for key in ALL_KEYS])
    tonic = ALL_KEYS[int(distance.argmin())].tonic_pitch_class
    above = np.roll(share, -tonic)
    scales = [share[[(root + s) % 12 for s in _MAJOR_SCALE]].sum() for root in range(12)]
    return {
        "key_distance": float(distance.min()),
        "minor_against_major": float(distance[minor].min() - distance[~minor].min()),
        "outside_scale": float(1.0 - max(scales)),
        "pitch_classes": float((share > 0.005).sum()),
        "flat_seventh": float(above[10]),
        "sharp_seventh": float(above[11]),
        "sixth_degree": float(above[8] + above[9]),
        "fourth_degree": float(above[5]),
        "ends_on_tonic": float(line.pitch[-1] % 12 == tonic),
    }


def _repetition(piece: BarPiece) -> dict[str, float]:
    """Shares of bars that come again, with their pitches or as a rhythm alone."""
    bar, place = np.divmod(piece.onset, piece.bar_ticks)
    cuts = np.searchsorted(bar, np.arange(piece.bars + 1))
    spans = [slice(int(a), int(b)) for a, b in pairwise(cuts)]
    rhythms = [np.unique(place[s]).tobytes() for s in spans]
    whole = [place[s].tobytes() + piece.pitch[s].tobytes() for s in spans]
    found = {
        "bars_repeated": 1.0 - len(set(whole)) / piece.bars,
        "rhythms_repeated": 1.0 - len(set(rhythms)) / piece.bars,
    }
    for lag in (1, 2, 4, 8):
        found[f"rhythm_again_{lag}"] = _again(rhythms, lag)
        found[f"bar_again_{lag}"] = _again(whole, lag)
    return found


def _again(bars: Sequence[bytes], lag: int) -> float:
    pairs = list(zip(bars, bars[lag:], strict=False))
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else 0.0
