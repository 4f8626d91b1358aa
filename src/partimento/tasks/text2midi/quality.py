"""Is generated music distributed as real music is, and is it not degenerate?

Simple distributions (pitch classes above the tonic, note values, intervals of the top line, places
in the bar) are compared by the Jensen-Shannon divergence between the pooled histograms of
generated and real pieces.  Two samples of real pieces differ too, the more the smaller they are;
so the divergence stands beside the one between two halves of the real pieces of the same size.

Shapes: P pieces, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from partimento.music.attributes import measured_key
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.distances import jensen_shannon, set_distance
from partimento.music.keys import Key
from partimento.tasks.text2midi.copying import top_line
from partimento.tasks.text2midi.intervals import mean_interval

_NOTE_VALUES = np.array([3, 4, 6, 8, 9, 12, 16, 18, 24, 36, 48, 72, 96])
"""Ticks: from a 32nd to a whole note, with triplets and dots."""
_WIDEST = 12
_PLACES = 24
"""Places in a bar, whatever its length."""
HALVES = 20
"""Ways to part the real pieces into two halves."""
REPEATED_SHARE = 0.8
"""A top line that repeats its note more often than this is degenerate."""
ALIKE_SHARE = 0.8
"""So is a piece in which more than this share of the bars equals the bar before."""


def pitch_classes(piece: BarPiece) -> np.ndarray:
    """(12,) notes on each degree above the tonic of the measured key."""
    tonic = Key.parse(measured_key(piece)).tonic_pitch_class
    return np.bincount((piece.pitch - tonic) % 12, minlength=12)


def note_values(piece: BarPiece) -> np.ndarray:
    """(13,) notes by the nearest usual note value."""
    nearest = np.abs(np.log(piece.duration[:, None] / _NOTE_VALUES[None, :])).argmin(axis=1)
    return np.bincount(nearest, minlength=len(_NOTE_VALUES))


def intervals(piece: BarPiece) -> np.ndarray:
    """(25,) steps of the top line from an octave down to an octave up; wider ones at the ends."""
    steps = np.clip(np.diff(top_line(piece)[1]), -_WIDEST, _WIDEST)
    return np.bincount(steps + _WIDEST, minlength=2 * _WIDEST + 1)


def places(piece: BarPiece) -> np.ndarray:
    """(24,) onsets by their place in the bar, as a share of its length."""
    place = piece.onset % piece.bar_ticks * _PLACES // piece.bar_ticks
    return np.bincount(place, minlength=_PLACES)


FEATURES: dict[str, Callable[[BarPiece], np.ndarray]] = {
    "pitch_classes": pitch_classes,
    "note_values": note_values,
    "intervals": intervals,
    "places_in_bar": places,
}


def distributions_report(
    generated: Sequence[BarPiece], real: Sequence[BarPiece], *, seed: int = 0
) -> dict[str, Any]:
    """For each distribution the divergence of generated from real, beside real from real.

    ``jensen_shannon`` in bits, between pooled histograms, the mean over the same parts of the real
    pieces that ``real_to_real`` compares with one another; ``ratio`` is 1 where generated music
    is as near to real music as real music is.  ``overlap`` follows Yang and Lerch (2020).

    Raises ValueError for fewer than four real pieces or no generated one.
    """
    if len(real) < 4 or not generated:
        raise ValueError(f"{len(real)} real and {len(generated)} generated pieces are too few")
    report: dict[str, Any] = {}
    for number, (name, feature) in enumerate(FEATURES.items()):
        made_PC = _shares(feature, generated)
        real_PC = _shares(feature, real)
        rng = np.random.default_rng([seed, 50 + number])
        across, within = _divergences(made_PC, real_PC, rng)
        report[name] = {
            "jensen_shannon": across,
            "real_to_real": within,
            "ratio": across / within if within > 0 else None,
            "overlap": (set_distance(made_PC, real_PC) or {}).get("overlap"),
        }
    ratios = [row["ratio"] for row in report.values() if row["ratio"] is not None]
    report["mean_ratio"] = float(np.mean(ratios)) if ratios else None
    return report


def _shares(feature: Callable[[BarPiece], np.ndarray], pieces: Sequence[BarPiece]) -> np.ndarray:
    """(P, C) histograms that sum to one, so that long pieces do not weigh more."""
    table = np.stack([feature(p) for p in pieces if len(p) > 1]).astype(np.float64)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9)


def _divergences(
    made_PC: np.ndarray, real_PC: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Generated to real and real to real, on samples of one size."""
    size = min(len(made_PC), len(real_PC) // 2)
    across, within = [], []
    for _ in range(HALVES):
        order = rng.permutation(len(real_PC))
        one, two = real_PC[order[:size]].mean(0), real_PC[order[size : 2 * size]].mean(0)
        some = made_PC[rng.permutation(len(made_PC))[:size]].mean(0)
        across.append(jensen_shannon(some, one))
        within.append(jensen_shannon(two, one))
    return float(np.mean(across)), float(np.mean(within))


def empty_bars(piece: BarPiece) -> float:
    """Share of the bars in which nothing sounds."""
    length = piece.bar_ticks
    sounding = np.zeros(piece.bars, dtype=bool)
    for on, off in zip(piece.onset.tolist(), (piece.onset + piece.duration).tolist(), strict=True):
        sounding[on // length : -(-off // length)] = True
    return float(1 - sounding.mean())


def repeated_notes(piece: BarPiece) -> float:
    """Share of the steps of the top line that stay on their pitch."""
    steps = np.diff(top_line(piece)[1])
    return float((steps == 0).mean()) if len(steps) else 1.0


def bars_like_the_last(piece: BarPiece) -> float:
    """Share of the bars, after the first, with the same notes as the bar before."""
    bars = _bar_contents(piece)
    return float(np.mean([a == b for a, b in pairwise(bars)] or [False]))


def bars_heard_before(piece: BarPiece) -> float:
    """Share of the bars, after the first, with the same notes as any earlier bar."""
    bars = _bar_contents(piece)
    return float(np.mean([bar in bars[:k] for k, bar in enumerate(bars) if k] or [False]))


def bar_rhythms_heard_before(piece: BarPiece) -> float:
    """Share of the bars, after the first, with the onsets of any earlier bar."""
    bars = [{on for on, *_ in bar} for bar in _bar_contents(piece)]
    return float(np.mean([bar in bars[:k] for k, bar in enumerate(bars) if k] or [False]))


def _bar_contents(piece: BarPiece) -> list[frozenset[tuple[int, int, int]]]:
    """Onset, duration and pitch of the notes of every bar."""
    bars: list[set[tuple[int, int, int]]] = [set() for _ in range(piece.bars)]
    columns = (piece.onset.tolist(), piece.duration.tolist(), piece.pitch.tolist())
    for on, held, pitch in zip(*columns, strict=True):
        bars[on // piece.bar_ticks].add((on % piece.bar_ticks, held, pitch))
    return [frozenset(bar) for bar in bars]


MEASURES: dict[str, Callable[[BarPiece], float]] = {
    "empty_bars": empty_bars,
    "repeated_notes": repeated_notes,
    "bars_like_the_last": bars_like_the_last,
    "bars_heard_before": bars_heard_before,
    "bar_rhythms_heard_before": bar_rhythms_heard_before,
    "notes_per_bar": lambda piece: len(piece) / piece.bars,
    "pitches": lambda piece: float(len(np.unique(piece.pitch))),
    "steps_per_quarter": lambda piece: (
        len(top_line(piece)[0]) / (piece.bars * piece.bar_ticks / TICKS)
    ),
}
"""What a piece can be degenerate in; all are meant to lie where those of real pieces do."""


def is_degenerate(piece: BarPiece) -> bool:
    """Half of the bars empty, hardly any pitches, one note or one bar over and over."""
    return (
        len(np.unique(piece.pitch)) < 3
        or empty_bars(piece) >= 0.5
        or repeated_notes(piece) > REPEATED_SHARE
        or bars_like_the_last(piece) > ALIKE_SHARE
    )


def degenerate_report(
    generated: Sequence[BarPiece], real: Sequence[BarPiece] = (), *, seed: int = 0
) -> dict[str, Any]:
    """Means of :data:`MEASURES` and the share of degenerate pieces, generated and real."""
    sides = {"generated": generated, **({"real": real} if real else {})}
    report: dict[str, Any] = {}
    for place, (side, pieces) in enumerate(sides.items()):
        rng = np.random.default_rng([seed, 60 + place])
        names = [str(i) for i in range(len(pieces))]
        columns: Mapping[str, Callable[[BarPiece], float]] = {
            **MEASURES,
            "degenerate": lambda piece: float(is_degenerate(piece)),
        }
        for name, measure in columns.items():
            row = mean_interval([measure(p) for p in pieces], names, rng)
            report.setdefault(name, {})[side] = row.to_dict("mean")
    return report
