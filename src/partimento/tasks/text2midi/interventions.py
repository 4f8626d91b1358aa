"""Interventions: ask for more of one attribute, change nothing else, and see whether there is more.

Every base is composed at five levels of the attribute with the same seed and at the same place of
the batch, so that the random numbers are the same; meter, mode and tempo stay as they are.

Shapes: L levels, K bases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.progress import Progress
from partimento.music.attributes import Attributes, level, measured_numbers
from partimento.tasks.text2midi.interface import Conditions, TextModel, Wish
from partimento.tasks.text2midi.intervals import DRAWS

if TYPE_CHECKING:
    from partimento.nn.sampling import Sampling

ASKED: dict[str, tuple[float, ...]] = {
    "density": (1.5, 2.5, 4.0, 5.5, 7.0),
    "register": (54.0, 60.0, 65.0, 70.0, 75.0),
}
"""Levels asked for, in the units of :data:`partimento.music.attributes.LEVEL_EDGES`: from the low
to the high end of what tunes and piano pieces have."""
BARS = 8
BASES: tuple[Attributes, ...] = tuple(
    Attributes(tempo_bpm=100.0, mode=mode, meter=meter)
    for mode in ("major", "minor")
    for meter in ("4/4", "3/4", "6/8", "2/4", "2/2")
)


def intervention_report(
    model: TextModel,
    *,
    sampling: Sampling,
    bases: int = len(BASES),
    bars: int = BARS,
    guidance: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Spearman correlation of what was asked and what was measured, for density and register.

    ``spearman`` is over all pieces together, with a bootstrap over bases; ``per_base`` the mean of
    the correlations within a base; ``by_level`` the mean measured at each level.
    """
    chosen = BASES[: max(2, min(bases, len(BASES)))]
    report: dict[str, Any] = {}
    for place, (name, levels) in enumerate(ASKED.items()):
        measured = np.zeros((len(levels), len(chosen)))
        for row, value in enumerate(levels):
            if progress is not None:
                progress(place * len(levels) + row, len(ASKED) * len(levels), "interventions")
            wishes = [_wish(base, name, value, bars) for base in chosen]
            made = model.compose(wishes, seed=seed, sampling=sampling, guidance=guidance)
            for column, piece in enumerate(made):
                found = measured_numbers(piece)[name] if len(piece) else float("nan")
                measured[row, column] = found
        rng = np.random.default_rng([seed, 30 + place])
        report[name] = spearman_row(np.array(levels), measured, rng)
    return {**report, "bases": len(chosen), "bars": bars, "seed": seed}


def _wish(base: Attributes, name: str, value: float, bars: int) -> Wish:
    # Words and numbers say the same, so that neither contradicts the other.
    word: dict[str, Any] = {name: level(name, value)}
    asked = replace(base, bars=bars, numbers={name: value}, **word)
    return Wish(Conditions(asked), bars, forced=frozenset({"tempo", "meter"}))


def spearman_row(
    levels: np.ndarray, measured_LK: np.ndarray, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Figures of one attribute; a base in which a piece is silent is left out."""
    kept = measured_LK[:, np.isfinite(measured_LK).all(axis=0)]
    asked = np.repeat(levels[:, None], kept.shape[1], axis=1)
    columns = kept.shape[1]
    if columns < 2:
        return {"spearman": {"value": None, "low": None, "high": None, "n": int(kept.size)}}
    draws = []
    for _ in range(DRAWS // 4):
        picks = rng.integers(0, columns, columns)
        draws.append(spearman(asked[:, picks].ravel(), kept[:, picks].ravel()))
    low, high = np.nanquantile(draws, [0.025, 0.975])
    within = [spearman(levels, kept[:, k]) for k in range(columns)]
    return {
        "spearman": {
            "value": spearman(asked.ravel(), kept.ravel()),
            "low": float(low),
            "high": float(high),
            "n": int(kept.size),
        },
        "per_base": float(np.mean(within)),
        "by_level": [
            {"asked": float(value), "measured": float(row.mean()), "sd": float(row.std())}
            for value, row in zip(levels, kept, strict=True)
        ],
    }


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of ranks, ties sharing theirs; 0 where one side does not differ at all."""
    ranks = np.stack([_ranks(a), _ranks(b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = float(np.sqrt((ranks**2).sum(axis=1).prod()))
    return float(ranks[0] @ ranks[1]) / spread if spread > 0 else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: np.ndarray = count.cumsum() - (count - 1) / 2
    return middle[place.ravel()]
