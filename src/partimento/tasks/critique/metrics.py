"""Measures of predicted scores: R2, squared error, order of pairs, range accuracy, intervals.

Shapes: N clips, D = 19 dimensions, B bootstrap draws.  R2 is taken per dimension over all clips
at once and then averaged over the dimensions: never over batches or notes, and never over one
pool of all numbers, in which the differences between dimensions would count as explained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from partimento.music.dimensions import DIMENSIONS

GRADES: tuple[tuple[str, float], ...] = (("Strong", 0.50), ("OK", 0.30), ("Weak", 0.10))
"""Least R2 of each word; below the last one a dimension has ``Failed``."""
RANGES: tuple[float, ...] = (0.1, 0.5, 1.0)
"""Values of k for RA@k in the tables, as in the paper's code."""
NOTE_BANDS: tuple[int, ...] = (80, 130, 200)
"""Edges of the bands of clip length, in notes: about the quartiles of PercePiano."""
DRAWS = 1000
_NO_SPREAD = 1e-12


def r2_per_dimension(labels_ND: np.ndarray, predicted_ND: np.ndarray) -> np.ndarray:
    """R2 (D,) = 1 - squared error / squared distance of the labels from their own mean.

    NaN where there are fewer than two clips or labels that do not differ.

    Raises ValueError for tables of different shape.
    """
    _check_pair(labels_ND, predicted_ND)
    return _weighted_r2(labels_ND, predicted_ND, np.ones((1, len(labels_ND))))[0]


def _weighted_r2(labels: np.ndarray, predicted: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """R2 (B, D) for every row of weights, against the mean of the unweighted labels.

    That mean stays where it is when clips are drawn again: with few groups the mean of a draw
    would come near its own clips, and all draws would lie below the figure itself.
    """
    if not len(labels):
        return np.full((len(weights_BN), labels.shape[1]), np.nan)
    spread = weights_BN @ (labels - labels.mean(axis=0)) ** 2
    error = weights_BN @ (labels - predicted) ** 2
    known = spread > _NO_SPREAD * np.maximum(weights_BN.sum(axis=1, keepdims=True), 1.0)
    return np.where(known, 1.0 - error / np.where(known, spread, 1.0), np.nan)


def _check_pair(labels: np.ndarray, predicted: np.ndarray) -> None:
    if labels.shape != predicted.shape or labels.ndim != 2:
        raise ValueError(f"two tables (N, D) are needed, not {labels.shape} and {predicted.shape}")


def mean_of(values: np.ndarray) -> float:
    """Mean of the values that are known; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def r2_mean(labels_ND: np.ndarray, predicted_ND: np.ndarray) -> float:
    """Mean of :func:`r2_per_dimension` over the dimensions in which the labels differ."""
    return mean_of(r2_per_dimension(labels_ND, predicted_ND))


def mse(labels_ND: np.ndarray, predicted_ND: np.ndarray) -> float:
    """Mean squared error over clips and dimensions; NaN for no clips."""
    _check_pair(labels_ND, predicted_ND)
    return mean_of((labels_ND - predicted_ND) ** 2)


def range_accuracy(
    labels_ND: np.ndarray, predicted_ND: np.ndarray, deviations_ND: np.ndarray, k: float
) -> np.ndarray:
    """RA@k (D,): share of the predictions within k deviations of the label.

    The deviation is that of the raters of the clip, as in PercePiano (Park et al. 2024), whose
    code has k = 1, 0.5 and 0.1.  A clip on which all raters agree must be met exactly.
    """
    _check_pair(labels_ND, predicted_ND)
    inside = np.abs(labels_ND - predicted_ND) <= k * deviations_ND + 1e-9
    return inside.mean(axis=0) if len(inside) else np.full(labels_ND.shape[1], np.nan)


def ranges_table(
    labels_ND: np.ndarray, predicted_ND: np.ndarray, deviations_ND: np.ndarray
) -> dict[str, float]:
    """RA@k for every k of :data:`RANGES`, averaged over the dimensions."""
    return {
        f"{k:g}": mean_of(range_accuracy(labels_ND, predicted_ND, deviations_ND, k)) for k in RANGES
    }


def pair_counts(
    labels_ND: np.ndarray,
    predicted_ND: np.ndarray,
    passages_N: Sequence[str],
    errors_ND: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of performances of one passage: right (P, D), counted (P, D), first clip of each (P,).

    A pair counts in a dimension where its labels differ; with the standard errors ``errors_ND`` of
    the labels, where they differ by more than the error of their difference.  Equal predictions
    are half right.
    """
    _check_pair(labels_ND, predicted_ND)
    names = np.array(list(passages_N), dtype=str)
    one, two = np.nonzero(np.triu(names[:, None] == names[None, :], k=1))
    difference = labels_ND[one] - labels_ND[two]
    foretold = predicted_ND[one] - predicted_ND[two]
    least = np.zeros_like(difference)
    if errors_ND is not None:
        least = np.sqrt(errors_ND[one] ** 2 + errors_ND[two] ** 2)
    counted = np.abs(difference) > np.maximum(least, 1e-9)
    right = np.where(foretold == 0.0, 0.5, np.sign(difference) == np.sign(foretold))
    return np.where(counted, right, 0.0), counted.astype(np.float64), one


def pair_accuracy(
    labels_ND: np.ndarray,
    predicted_ND: np.ndarray,
    passages_N: Sequence[str],
    errors_ND: np.ndarray | None = None,
) -> np.ndarray:
    """Share (D,) of the pairs within a passage that are in the right order; 0.5 is chance.

    Nothing that only knows the music can do better than chance here.  NaN where no pair counts.
    """
    right, counted, _ = pair_counts(labels_ND, predicted_ND, passages_N, errors_ND)
    total = counted.sum(axis=0)
    return np.where(total > 0, right.sum(axis=0) / np.maximum(total, 1.0), np.nan)


def draw_weights(groups_N: np.ndarray, generator: np.random.Generator, draws: int) -> np.ndarray:
    """How often each clip counts (B, N) when the groups are drawn with replacement."""
    _, index = np.unique(groups_N, return_inverse=True)
    count = int(index.max(initial=-1)) + 1
    drawn = generator.multinomial(count, np.full(count, 1.0 / max(1, count)), size=draws)
    return drawn[:, index].astype(np.float64)


def r2_interval(
    tests: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    groups_N: np.ndarray,
    generator: np.random.Generator,
    draws: int = DRAWS,
) -> list[float] | None:
    """Percentiles 2.5 and 97.5 of the mean R2 when the groups are drawn again and again.

    ``tests`` holds (labels (n, D), predicted (n, D), indices (n,) into ``groups_N``) of every test
    set; the figure is the mean over them.  None for fewer than two groups, which say nothing about
    others.
    """
    if len(np.unique(groups_N)) < 2:
        return None
    weights = draw_weights(groups_N, generator, draws)
    per_test = [
        # A draw that leaves a test set no clip has no R2 there.
        _row_means(_weighted_r2(labels, predicted, weights[:, index]))
        for labels, predicted, index in tests
    ]
    return _percentiles(_row_means(np.stack(per_test, axis=1)))


def pair_interval(
    labels_ND: np.ndarray,
    predicted_ND: np.ndarray,
    passages_N: Sequence[str],
    groups_N: np.ndarray,
    generator: np.random.Generator,
    draws: int = DRAWS,
) -> list[float] | None:
    """Percentiles 2.5 and 97.5 of the mean pair accuracy over groups that are drawn again."""
    right, counted, first = pair_counts(labels_ND, predicted_ND, passages_N)
    if len(np.unique(groups_N)) < 2 or not counted.any():
        return None
    weights = draw_weights(groups_N, generator, draws)[:, first]
    total = weights @ counted
    share = np.where(total > 0, (weights @ right) / np.maximum(total, 1.0), np.nan)
    return _percentiles(_row_means(share))


def _row_means(values: np.ndarray) -> np.ndarray:
    """Mean of what is known in each row; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _percentiles(values: np.ndarray) -> list[float] | None:
    known = values[np.isfinite(values)]
    return [float(v) for v in np.percentile(known, [2.5, 97.5])] if known.size else None


def grade(r2: float) -> str:
    """``Strong`` from R2 0.5, ``OK`` from 0.3, ``Weak`` from 0.1, else ``Failed``; ``-`` for NaN.

    0.3 is about what the passage alone explains, 0.7 what the raters' noise leaves.
    """
    if not np.isfinite(r2):
        return "-"
    return next((word for word, least in GRADES if r2 >= least), "Failed")


def dimension_table(columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """For every dimension its poles, the columns (D,), and the word for ``r2``."""
    table: dict[str, dict[str, Any]] = {}
    for i, dimension in enumerate(DIMENSIONS):
        row: dict[str, Any] = {name: float(values[i]) for name, values in columns.items()}
        poles = f"{dimension.low} - {dimension.high}"
        table[dimension.name] = {**row, "grade": grade(row["r2"]), "poles": poles}
    return table


def by_kind(
    labels_ND: np.ndarray, predicted_ND: np.ndarray, kinds_N: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """R2 and squared error of the clips of each kind, against the mean of that kind."""
    names = np.array(list(kinds_N), dtype=str)
    return {
        kind: {
            "n": int((names == kind).sum()),
            "r2_mean": r2_mean(labels_ND[names == kind], predicted_ND[names == kind]),
            "mse": mse(labels_ND[names == kind], predicted_ND[names == kind]),
        }
        for kind in dict.fromkeys(kinds_N)
    }


def length_band(notes: int) -> str:
    """The band of :data:`NOTE_BANDS` that a clip of so many notes is in."""
    low = 0
    for edge in NOTE_BANDS:
        if notes < edge:
            return f"{low}-{edge - 1} notes"
        low = edge
    return f"{low} notes and more"
