"""How alike a generated and a reference piece are in five plain ways.

Every measure is in 0..1, 1 for equal, and symmetric.  They compare outlines, not notes: two pieces
with nothing but a tempo in common score well above 0, so read a total beside the distributions of
docs/attributes.md.

``density``
    Notes a quarter, bar by bar stretched to eight parts of the piece each: the mean over the parts
    of min / max, with half a note a quarter added to both.
``velocity``
    1 - half the L1 distance between the histograms of velocity (bins of 8), each smoothed by
    (1, 2, 1) / 4 so that neighbours count.
``range``
    Overlap of the spans from the 5th to the 95th percentile of pitch: shared semitones over all
    semitones of both (a single pitch spans one semitone).
``meter``
    1 for the same meter, 0.75 for the same length and subdivision of the bar (4/4 and 2/2), 0.5
    for the same grouping (2/4 and 4/4; 3/4 and 3/8; 6/8 and 12/8), 0.25 for the same length of the
    bar alone (3/4 and 6/8), else 0.
``tempo``
    2 ** (-|log2 ratio| / 0.5): 0.5 for half an octave of tempo, 0.25 for the double.

The total is their weighted mean.  Its level is excellent from 0.9, good from 0.8, fair from 0.65,
else poor: the median of random pairs of training pieces is just poor, and nearly all pairs of
stretches of one piece are good.
Shape suffixes: N notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.barpiece import TICKS, BarPiece, read_bar_piece

WEIGHTS: dict[str, float] = {
    "density": 0.25,
    "velocity": 0.15,
    "range": 0.2,
    "meter": 0.2,
    "tempo": 0.2,
}
"""Default weights.  Velocity weighs least: many files have one velocity or a program's own."""
LEVEL_FLOORS: dict[str, float] = {"excellent": 0.9, "good": 0.8, "fair": 0.65, "poor": 0.0}
"""Least value of every level: see the distributions in docs/attributes.md."""
PARTS = 8
_ADDED = 0.5
_BIN = 8
_HALVING_OCTAVES = 0.5


@dataclass(frozen=True, slots=True)
class PairSimilarity:
    """The five measures by name, their weights (they sum to 1), the weighted mean, its level."""

    measures: dict[str, float]
    weights: dict[str, float]
    total: float
    level: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every measure with its level and weight, the total with its level."""
        rows = {
            name: {"value": value, "level": similarity_level(value), "weight": self.weights[name]}
            for name, value in self.measures.items()
        }
        return {"measures": rows, "total": self.total, "level": self.level}


def pair_similarity(
    a: BarPiece, b: BarPiece, weights: Mapping[str, float] | None = None
) -> PairSimilarity:
    """Five measures and their weighted mean; the order of the pieces makes no difference.

    ``weights`` replaces some of :data:`WEIGHTS`; they are scaled to sum to 1.  Raises ConfigError
    for unknown names, for negative ones and where all are 0; ValueError for a piece without notes.
    """
    if not len(a) or not len(b):
        raise ValueError("a piece without notes is like no other")
    measures = {
        "density": _density(a, b),
        "velocity": _velocity(a, b),
        "range": _range(a, b),
        "meter": meter_similarity(a.meter, b.meter),
        "tempo": _tempo(a.tempo_bpm, b.tempo_bpm),
    }
    scaled = _scaled(weights or {})
    # Sums of weights may round to a hair over 1.
    total = min(1.0, sum(scaled[name] * value for name, value in measures.items()))
    return PairSimilarity(measures, scaled, total, similarity_level(total))


def similarity_level(value: float) -> str:
    """excellent, good, fair or poor.

    >>> similarity_level(0.85)
    'good'
    """
    return next(name for name, floor in LEVEL_FLOORS.items() if value >= floor - 1e-9)


def parse_weights(texts: Sequence[str]) -> dict[str, float]:
    """Weights from ``density=2,tempo=1`` or several of such; raises ConfigError for others."""
    found: dict[str, float] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, sign, number = (piece.strip() for piece in part.partition("="))
        try:
            value = float(number) if sign else -1.0
        except ValueError:
            value = -1.0
        if name not in WEIGHTS or not 0 <= value < np.inf:
            raise ConfigError(
                f"{part!r} is no weight of a measure",
                where="--weights",
                fix=f"Write such as density=0.5,tempo=0.2; measures are {', '.join(WEIGHTS)}",
            )
        found[name] = value
    return found


def evaluate_pair(
    generated: str | Path, reference: str | Path, *, weights: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Similarity of two MIDI files as :meth:`PairSimilarity.to_dict` gives it.

    Raises InputFileError and MusicError for files that cannot be read or hold no notes,
    ConfigError for bad weights.
    """
    scaled = _scaled(weights or {})
    pair = pair_similarity(read_bar_piece(generated), read_bar_piece(reference), scaled)
    return {"generated": str(generated), "reference": str(reference), **pair.to_dict()}


def _scaled(weights: Mapping[str, float]) -> dict[str, float]:
    wrong = [name for name in weights if name not in WEIGHTS]
    chosen = {**WEIGHTS, **weights}
    if wrong or min(chosen.values()) < 0 or not 0 < sum(chosen.values()) < np.inf:
        raise ConfigError(
            f"there is no measure {wrong[0]!r}"
            if wrong
            else "weights are numbers from 0 on, and one of them is more",
            where="--weights",
            fix=f"Measures are {', '.join(WEIGHTS)}",
        )
    total = sum(chosen.values())
    return {name: chosen[name] / total for name in WEIGHTS}


def _density(a: BarPiece, b: BarPiece) -> float:
    one, two = _density_curve(a) + _ADDED, _density_curve(b) + _ADDED
    return float((np.minimum(one, two) / np.maximum(one, two)).mean())


def _density_curve(piece: BarPiece) -> np.ndarray:
    """(PARTS,) notes a quarter in equal parts of the piece."""
    length = piece.bars * piece.bar_ticks
    part = np.minimum(piece.onset * PARTS // length, PARTS - 1)
    found: np.ndarray = np.bincount(part, minlength=PARTS) / (length / PARTS / TICKS)
    return found


def _velocity(a: BarPiece, b: BarPiece) -> float:
    return float(1.0 - 0.5 * np.abs(_loudness(a) - _loudness(b)).sum())


def _loudness(piece: BarPiece) -> np.ndarray:
    """Smoothed histogram (18,) of velocities, which sums to 1."""
    share = np.bincount(piece.velocity // _BIN, minlength=128 // _BIN) / len(piece)
    smoothed: np.ndarray = np.convolve(share, (0.25, 0.5, 0.25))
    return smoothed


def _range(a: BarPiece, b: BarPiece) -> float:
    (low, high), (under, over) = _span(a), _span(b)
    shared = max(0.0, min(high, over) - max(low, under))
    return float(shared / (high - low + over - under - shared))


def _span(piece: BarPiece) -> tuple[float, float]:
    """Lower and upper border in semitones; half a semitone belongs to a pitch on either side."""
    low, high = np.quantile(piece.pitch, (0.05, 0.95))
    return float(low) - 0.5, float(high) + 0.5


def meter_similarity(one: str, other: str) -> float:
    """How near two meters are: 1, 0.75, 0.5, 0.25 or 0.

    >>> meter_similarity("3/4", "6/8")
    0.25
    """
    if one == other:
        return 1.0
    (beats, kind), (beats2, kind2) = (tuple(map(int, m.split("/"))) for m in (one, other))
    same_length = beats * kind2 == beats2 * kind
    grouping, grouping2 = _grouping(beats), _grouping(beats2)
    if same_length and grouping == grouping2:
        return 0.75
    if grouping == grouping2:
        return 0.5
    return 0.25 if same_length else 0.0


def _grouping(beats: int) -> str:
    """Compound (6, 9, 12), triple (3), duple (1, 2, 4, 8) or the odd number."""
    if beats % 3 == 0:
        return "compound" if beats > 3 else "triple"
    return "duple" if beats in (1, 2, 4, 8) else str(beats)


def _tempo(one: float, other: float) -> float:
    return float(2.0 ** (-abs(np.log2(one / other)) / _HALVING_OCTAVES))
