"""Shares and means of a self-test with their 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy.stats import chi2

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many; the share is NaN where there was nothing to count."""

    hits: int
    total: int

    @property
    def share(self) -> float:
        """Hits / total."""
        return self.hits / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (:func:`wilson`)."""
        return wilson(self.hits, self.total)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "hits": self.hits,
            "total": self.total,
            "share": self.share,
            "interval": list(self.interval),
        }

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.hits} of {self.total} = {self.share:.2f} ({low:.2f} to {high:.2f})"


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927); (0, 1) where nothing was counted.

    Raises ValueError for more hits than trials or a negative count.
    """
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} hits in {total} trials")
    if not total:
        return 0.0, 1.0
    share, spread = hits / total, Z95**2 / total
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = math.sqrt(share * (1.0 - share) * spread + spread**2 / 4.0) / (1.0 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def poisson(count: int, total: int) -> tuple[float, float]:
    """Exact 95 % interval of a mean count per run (Garwood 1936); (0, inf) for no runs.

    Raises ValueError for a negative count.
    """
    if count < 0 or total < 0:
        raise ValueError(f"{count} counts in {total} runs")
    if not total:
        return 0.0, math.inf
    low = float(chi2.ppf(0.025, 2 * count)) / 2.0 if count else 0.0
    return low / total, float(chi2.ppf(0.975, 2 * count + 2)) / 2.0 / total
