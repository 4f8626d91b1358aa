"""What totals of ``evaluate pair`` mean: their distribution for pairs whose likeness is known.

All pairs are stretches of 16 bars, one pair from each piece that is long enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from partimento.music.barpiece import BarPiece
from partimento.music.pair_similarity import (
    LEVEL_FLOORS,
    WEIGHTS,
    PairSimilarity,
    pair_similarity,
)
from partimento.tasks.text2midi.corpus import Excerpt, excerpts
from partimento.tasks.text2midi.interface import CorpusPiece

BARS = 16
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

_Pair = tuple[BarPiece, BarPiece]


def pair_controls(pieces: Sequence[CorpusPiece], *, seed: int = 0) -> dict[str, Any]:
    """Kind of pair -> quantiles of the total, mean of every measure, shares of the levels.

    Raises ValueError where fewer than two pieces have 16 bars.
    """
    rng = np.random.default_rng(seed)
    found = [found for piece in pieces if (found := _stretches(piece))]
    if len(found) < 2:
        raise ValueError("pairs need two pieces of at least 16 bars")
    order = [found[i] for i in rng.permutation(len(found))]
    first = [stretch[0].music for stretch in order]
    kinds: dict[str, list[_Pair]] = {
        "random pieces": _random_pairs(order),
        "random pieces of one style": _style_pairs(order),
        "stretches of one piece": [(s[0].music, s[1].music) for s in order if len(s) > 1],
        **{kind: [(m, change(m)) for m in first] for kind, change in _CHANGES.items()},
    }
    return {kind: _summary(pairs) for kind, pairs in kinds.items() if pairs}


def _stretches(piece: CorpusPiece) -> list[Excerpt]:
    """The first and the last whole stretch of a piece, apart from one another."""
    found = [e for e in excerpts(piece, BARS, None) if e.music.bars == BARS]
    # The last may share bars with the one before it, and so only whole steps are taken.
    total = sum(section.bars // BARS for section in piece.sections)
    found = found[: max(1, total)]
    return [found[0], found[-1]] if len(found) > 1 else found


def _random_pairs(order: Sequence[Sequence[Excerpt]]) -> list[_Pair]:
    """Neighbours in the shuffled order, of different groups."""
    pairs = zip(order, [*order[1:], order[0]], strict=True)
    return [(a[0].music, b[0].music) for a, b in pairs if a[0].piece.group != b[0].piece.group]


def _style_pairs(order: Sequence[Sequence[Excerpt]]) -> list[_Pair]:
    """Neighbours among the pieces of one known style."""
    styles = sorted({s[0].piece.about.get("style", "") for s in order} - {""})
    pairs: list[_Pair] = []
    for style in styles:
        mine = [s for s in order if s[0].piece.about.get("style") == style]
        pairs += _random_pairs(mine) if len(mine) > 1 else []
    return pairs


def _moved(piece: BarPiece, semitones: int) -> BarPiece:
    fits = not len(piece) or int(piece.pitch.max()) + semitones <= 127
    return piece.transpose(semitones if fits else -semitones)


def _thinned(piece: BarPiece) -> BarPiece:
    return piece.select(np.arange(0, len(piece), 2))


def _louder(piece: BarPiece) -> BarPiece:
    return replace(piece, velocity=np.minimum(127, piece.velocity + 20))


_CHANGES: dict[str, Callable[[BarPiece], BarPiece]] = {
    "the same": lambda piece: piece,
    "a fourth higher": lambda piece: _moved(piece, 5),
    "an octave higher": lambda piece: _moved(piece, 12),
    "a quarter faster": lambda piece: replace(piece, tempo_bpm=piece.tempo_bpm * 1.25),
    "twice as fast": lambda piece: replace(piece, tempo_bpm=piece.tempo_bpm * 2.0),
    "velocity 20 more": _louder,
    "every second note": _thinned,
}


def _summary(pairs: Sequence[_Pair]) -> dict[str, Any]:
    rows: list[PairSimilarity] = [pair_similarity(a, b) for a, b in pairs]
    totals = np.array([row.total for row in rows])
    levels = Counter(row.level for row in rows)
    return {
        "pairs": len(rows),
        "quantiles": {str(q): float(np.quantile(totals, q)) for q in QUANTILES},
        "measures": {n: float(np.mean([row.measures[n] for row in rows])) for n in WEIGHTS},
        "levels": {name: levels[name] / len(rows) for name in LEVEL_FLOORS},
    }
