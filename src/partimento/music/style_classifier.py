"""Which style a piece is in: multinomial logistic regression on its statistics.

Fitted by ``python -m partimento.tasks.text2midi.style_fit`` on labelled training pieces, in
stretches of 16 bars; how often it is right is in docs/attributes.md.  It knows the styles of which
the corpora have at least 25 training pieces and can say no other.
Shape suffixes: F statistics, C styles, W stretches.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from partimento.music.barpiece import BarPiece
from partimento.music.piece_statistics import piece_statistics
from partimento.music.styles import FAMILY

WEIGHTS_FILE = "text2midi-style.npz"
STRETCH = 16
"""Bars that the classifier looks at at once: what it was fitted on."""
LEAST_NOTES = 8
"""Less than this has no style."""
MOST_STRETCHES = 8
"""Of a long piece so many stretches, evenly spread, are looked at."""
CLIP = 3.0
"""Standardised statistics are cut here: what no training piece has must not decide."""


@dataclass(frozen=True, slots=True)
class StyleModel:
    """Names of statistics (F) and styles (C); ``mean`` and ``scale`` (F,), ``weight`` (F, C),
    ``bias`` (C,).
    """

    statistics: tuple[str, ...]
    styles: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def probabilities(self, rows_WF: np.ndarray) -> np.ndarray:
        """(W, C) probability of every style for rows of statistics."""
        standard = np.clip((rows_WF - self.mean) / self.scale, -CLIP, CLIP)
        score = standard @ self.weight + self.bias
        likely = np.exp(score - score.max(1, keepdims=True))
        found: np.ndarray = likely / likely.sum(1, keepdims=True)
        return found

    def to_bytes(self) -> bytes:
        """As ``.npz``; the same model gives the same bytes."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            statistics=np.array(self.statistics),
            styles=np.array(self.styles),
            **{n: getattr(self, n).astype(np.float32) for n in ("mean", "scale", "weight", "bias")},
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> StyleModel:
        """What :meth:`to_bytes` wrote; raises ValueError for anything else."""
        with np.load(io.BytesIO(data), allow_pickle=False) as table:
            missing = {"statistics", "styles", "mean", "scale", "weight", "bias"} - set(table)
            if missing:
                raise ValueError(f"a style model has {', '.join(sorted(missing))} too")
            names = tuple(str(name) for name in table["statistics"])
            styles = tuple(str(name) for name in table["styles"])
            parts = [table[n].astype(np.float64) for n in ("mean", "scale", "weight", "bias")]
        sizes = [(len(names),), (len(names),), (len(names), len(styles)), (len(styles),)]
        if [part.shape for part in parts] != sizes:
            raise ValueError("the arrays of this style model do not fit one another")
        return cls(names, styles, *parts)


@lru_cache(maxsize=1)
def shipped_model() -> StyleModel:
    """The model inside the package."""
    place = resources.files("partimento").joinpath("weights", WEIGHTS_FILE)
    return StyleModel.from_bytes(place.read_bytes())


def known_styles() -> tuple[str, ...]:
    """Styles that :func:`classify` can answer."""
    return shipped_model().styles


def style_probabilities(
    piece: BarPiece, model: StyleModel | None = None
) -> dict[str, float] | None:
    """Style -> probability, the likeliest first; None for fewer than eight notes.

    A piece of more than 16 bars is judged in stretches of 16 and their mean is given.
    """
    parts = [part for part in stretches(piece) if len(part) >= LEAST_NOTES]
    if not parts:
        parts = [piece] if len(piece) >= LEAST_NOTES else []
    if not parts:
        return None
    model = model or shipped_model()
    rows_WF = np.array([list(piece_statistics(part).values()) for part in parts])
    mean = model.probabilities(rows_WF).mean(0)
    order = np.argsort(-mean, kind="stable")
    return {model.styles[i]: float(mean[i]) for i in order}


def stretches(piece: BarPiece) -> list[BarPiece]:
    """Stretches of 16 bars, at most eight; a piece of at most 16 bars is one."""
    if piece.bars <= STRETCH:
        return [piece]
    count = min(MOST_STRETCHES, -(-piece.bars // STRETCH))
    starts = np.linspace(0, piece.bars - STRETCH, count).round().astype(int)
    return [piece.excerpt(int(start), STRETCH) for start in starts]


def classify(piece: BarPiece) -> tuple[str, float] | None:
    """The likeliest style and its probability; None for fewer than eight notes."""
    found = style_probabilities(piece)
    return next(iter(found.items())) if found else None


def family(piece: BarPiece) -> tuple[str, float] | None:
    """The likeliest family of styles (dance, folk, church, art) and its probability."""
    found = style_probabilities(piece)
    if found is None:
        return None
    total: dict[str, float] = {}
    for style, share in found.items():
        total[FAMILY[style]] = total.get(FAMILY[style], 0.0) + share
    return max(total.items(), key=lambda item: item[1])
