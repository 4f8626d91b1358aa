"""How much of the labels the raters' own noise lets anybody foretell.

A label is the mean of a handful of answers.  Had others answered, it would differ; no model can
foretell that part.  The largest R2 that a perfect model may expect is the share of the labels'
variance that is not noise, their reliability.

Many raters of PercePiano answered for a clip several times, often with the same answers.  These
are no independent answers, so everything here counts raters, not rows.  (With rows as if they were
independent, the ceiling of the published data comes out as 0.79 instead of 0.75.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.doctor.data_labels import mean_of_known, stepped_up
from partimento.music.percepiano import Ratings

RATERS = 13
"""Answers per clip where no rater rows say it: the mean of the published data."""
_SPLITS = 20


def standard_errors(
    ratings: Ratings | None, keys: Sequence[str], deviations_ND: np.ndarray | None
) -> np.ndarray | None:
    """Standard error (N, D) of the label of each clip.

    From the rater rows, clustered by rater: the label is the mean of n answers by u raters, and
    its squared error u / (u - 1) / n^2 * sum over the raters of (sum of their distances from the
    label)^2.  For clips with fewer than two raters, and without rows, from the deviation:
    sqrt(std^2 / (n - 1)) with n = :data:`RATERS`.  None where neither is known.
    """
    errors = None if deviations_ND is None else deviations_ND / np.sqrt(RATERS - 1)
    if ratings is None:
        return errors
    rows = [_standard_error(values, who) for values, who in _answers(ratings, keys)]
    found = np.stack(rows) if rows else np.zeros((0, ratings.values.shape[1]))
    return found if errors is None else np.where(np.isfinite(found), found, errors)


def ceiling(labels_ND: np.ndarray, errors_ND: np.ndarray) -> np.ndarray:
    """Largest R2 (D,) to expect: 1 - mean squared standard error / variance of the labels.

    Clips without a standard error are left out.  NaN where the labels do not differ.
    """
    result = np.full(labels_ND.shape[1], np.nan)
    for d in range(labels_ND.shape[1]):
        known = np.isfinite(errors_ND[:, d])
        spread = float(labels_ND[known, d].var()) if known.sum() > 1 else 0.0
        if spread > 0:
            result[d] = 1.0 - float((errors_ND[known, d] ** 2).mean()) / spread
    return result


def split_half(
    ratings: Ratings, keys: Sequence[str], generator: np.random.Generator, splits: int = _SPLITS
) -> np.ndarray:
    """Reliability (D,) of the labels from random halves of each clip's raters.

    The correlation r over the clips between the means of the two halves, stepped up to the whole
    by Spearman and Brown, 2 r / (1 + r); the mean over ``splits`` halvings.
    """
    answers = [one for one in _answers(ratings, keys) if len(np.unique(one[1])) >= 2]
    dimensions = ratings.values.shape[1]
    if len(answers) < 3:
        return np.full(dimensions, np.nan)
    total = np.zeros(dimensions)
    for _ in range(splits):
        halves = np.stack([_halves(values, who, generator) for values, who in answers])
        total += [stepped_up(halves[:, 0, d], halves[:, 1, d]) for d in range(dimensions)]
    return total / splits


def _answers(ratings: Ratings, keys: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The answers (n, D) to each clip, and who gave them (n,)."""
    rows: dict[str, list[int]] = {key: [] for key in keys}
    for i, key in enumerate(ratings.clips):
        if key in rows:
            rows[key].append(i)
    raters = np.array(ratings.raters, dtype=str)
    return [(ratings.values[rows[key]], raters[rows[key]]) for key in keys]


def _standard_error(values: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Standard error (D,) of the mean of answers (n, D) by ``who`` (n,); NaN for one rater."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    distance = np.where(known, values - np.nan_to_num(mean_of_known(values)), 0.0)
    names, place = np.unique(who, return_inverse=True)
    mine = np.eye(len(names))[place]
    raters = ((mine.T @ known) > 0).sum(axis=0)
    squares = ((mine.T @ distance) ** 2).sum(axis=0) / count**2
    return np.where(raters > 1, np.sqrt(squares * raters / np.maximum(raters - 1, 1)), np.nan)


def _halves(values: np.ndarray, who: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Means (2, D) over two random halves of the raters; NaN where a half has no answer."""
    names = generator.permutation(np.unique(who))
    first = np.isin(who, names[: len(names) // 2])
    return np.stack([mean_of_known(values[first]), mean_of_known(values[~first])])
