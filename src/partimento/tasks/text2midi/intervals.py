"""Intervals of means, ratios and shares: bootstraps over groups, with a generator of their own.

Excerpts of one piece, or of near-duplicates, are no independent observations; so whole groups are
drawn again, never single excerpts.  Shapes: N values, G groups, B draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

DRAWS = 2000
CONFIDENCE = 0.95
_NORMAL = 1.959963985
"""Quantile of the normal distribution that belongs to 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval, from ``n`` values in ``groups`` groups."""

    value: float
    low: float
    high: float
    n: int
    groups: int

    def to_dict(self, name: str = "value") -> dict[str, Any]:
        """For JSON; ``name`` is the key of the figure itself.  NaN becomes None."""
        row = {k: None if v != v else v for k, v in asdict(self).items()}
        return {name: row.pop("value"), **row}


def mean_interval(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable],
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> Interval:
    """Mean of values (N,) with a percentile bootstrap over their groups (N,).

    NaN throughout for no values.  Raises ValueError for lengths that differ.
    """
    return ratio_interval(values, np.ones(len(values)), groups, rng, draws=draws)


def ratio_interval(
    upper: Sequence[float] | np.ndarray,
    lower: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable],
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> Interval:
    """Sum of ``upper`` over sum of ``lower``, both (N,), such as nats per note.

    NaN where nothing is divided by nothing.  Raises ValueError for lengths that differ.
    """
    above, below = np.asarray(upper, dtype=np.float64), np.asarray(lower, dtype=np.float64)
    if not len(above) == len(below) == len(groups):
        raise ValueError(f"{len(above)} values, {len(below)} divisors, {len(groups)} groups")
    nothing = float("nan")
    if not len(above) or below.sum() == 0:
        return Interval(nothing, nothing, nothing, len(above), 0)
    numbers = {group: k for k, group in enumerate(dict.fromkeys(groups))}
    owner = np.array([numbers[group] for group in groups])
    sums_G2 = np.stack(
        [np.bincount(owner, weights=w, minlength=len(numbers)) for w in (above, below)], axis=1
    )
    drawn_BG = rng.multinomial(
        len(numbers), np.full(len(numbers), 1 / len(numbers)), size=draws
    ).astype(np.float64)
    totals_B2 = drawn_BG @ sums_G2
    known = totals_B2[:, 1] != 0
    ratios = totals_B2[known, 0] / totals_B2[known, 1]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    value = float(above.sum() / below.sum())
    return Interval(value, float(low), float(high), len(above), len(numbers))


def share_interval(hits: int, total: int) -> Interval:
    """Share of independent trials with Wilson's score interval (1927).

    Unlike a bootstrap it is open where all trials, or none, succeeded.
    """
    if total == 0:
        nothing = float("nan")
        return Interval(nothing, nothing, nothing, 0, 0)
    share, z2 = hits / total, _NORMAL**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _NORMAL / (1 + z2 / total) * sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    # At the ends the formula meets 0 and 1 exactly, but for rounding.
    low = 0.0 if hits == 0 else middle - half
    high = 1.0 if hits == total else middle + half
    return Interval(share, low, high, total, total)
