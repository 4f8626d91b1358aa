"""Which difference between runs is real: intervals from seeds where there are several, else epochs.

Two runs that differ in nothing but the seed tell how much a figure moves by chance; one run
tells only how much it moves from epoch to epoch, which is less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

LEVEL = 0.95
_TAIL_SHARE = 1.0 / 3.0
"""Epochs at the end whose figures count as one level."""
_LEAST_EPOCHS = 4
SEED_NAMES = ("seed", "training.seed")


@dataclass(frozen=True, slots=True)
class Arm:
    """Runs with the same settings but for the seed."""

    name: str
    settings: Mapping[str, Any]
    curves: tuple[tuple[float, ...], ...]
    """Monitored figure by epoch, one row per run."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first of two arms in the monitored figure (lower is better)."""

    first: str
    second: str
    difference: float
    low: float
    high: float
    basis: Literal["seeds", "epochs"]
    """What the interval was taken from."""
    runs: tuple[int, int]

    @property
    def real(self) -> bool | None:
        """Whether the interval keeps clear of zero; None where there is no interval."""
        return None if math.isnan(self.low) else self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """JSON form, with ``real`` and a sentence."""
        return {**asdict(self), "real": self.real, "says": self.says}

    @property
    def says(self) -> str:
        """One sentence for people."""
        if self.real is None:
            return f"{self.second} against {self.first}: too few epochs or seeds to tell"
        better = self.second if self.difference < 0 else self.first
        source = (
            f"seeds ({self.runs[0]} and {self.runs[1]} runs)"
            if self.basis == "seeds"
            else "epochs of one run each: another seed may well turn it round"
        )
        verdict = (
            f"{better} is better" if self.real else "no difference that stands out of the noise"
        )
        return (
            f"{self.second} minus {self.first}: {self.difference:+.4f} "
            f"({self.low:+.4f} to {self.high:+.4f}), {verdict}; interval from {source}"
        )


def arms_of(
    names: Sequence[str],
    settings: Sequence[Mapping[str, Any]],
    curves: Sequence[Sequence[float]],
) -> list[Arm]:
    """Runs put together whose flat settings differ in the seed alone."""
    groups: dict[str, list[int]] = {}
    for number, values in enumerate(settings):
        key = repr(sorted((n, repr(v)) for n, v in values.items() if n not in SEED_NAMES))
        groups.setdefault(key, []).append(number)
    return [
        Arm(
            " + ".join(names[n] for n in members),
            settings[members[0]],
            tuple(tuple(curves[n]) for n in members),
        )
        for members in groups.values()
    ]


def differences(arms: Sequence[Arm]) -> list[Difference]:
    """Every pair of arms."""
    return [_difference(first, second) for first, second in combinations(arms, 2)]


def _difference(first: Arm, second: Arm) -> Difference:
    if min(len(first.curves), len(second.curves)) >= 2:
        return _by_seeds(first, second)
    return _by_epochs(first, second)


def _best(curve: Sequence[float]) -> float:
    found = [value for value in curve if math.isfinite(value)]
    return min(found, default=math.nan)


def _by_seeds(first: Arm, second: Arm) -> Difference:
    """Welch's interval of the runs' best figures (Welch 1947)."""
    a = np.array([_best(curve) for curve in first.curves])
    b = np.array([_best(curve) for curve in second.curves])
    variances = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    middle = float(b.mean() - a.mean())
    half = _half_width(variances, np.array([len(a) - 1, len(b) - 1]))
    return _pair(first, second, middle, half, "seeds")


def _half_width(variances: np.ndarray, freedoms: np.ndarray) -> float:
    from scipy.stats import t

    total = float(variances.sum())
    if total == 0.0:
        return 0.0
    freedom = total**2 / float((variances**2 / freedoms).sum())
    return float(t.ppf(0.5 + LEVEL / 2, freedom)) * math.sqrt(total)


def _by_epochs(first: Arm, second: Arm) -> Difference:
    """Levels of the last third of the epochs, with what a straight line through them leaves over.

    Neighbouring epochs resemble each other, so that the number of them that counts is reduced by
    their autocorrelation.
    """
    levels = [_tail(arm.curves[0]) for arm in (first, second)]
    if any(level is None for level in levels):
        return _pair(first, second, math.nan, math.nan, "epochs")
    (a, variance_a, n_a), (b, variance_b, n_b) = (level for level in levels if level is not None)
    half = _half_width(
        np.array([variance_a, variance_b]), np.array([max(1.0, n_a - 2), max(1.0, n_b - 2)])
    )
    return _pair(first, second, b - a, half, "epochs")


def _tail(curve: Sequence[float]) -> tuple[float, float, float] | None:
    """Level at the end, variance of that level, and how many epochs it rests on."""
    values = np.array([value for value in curve if math.isfinite(value)])
    count = max(_LEAST_EPOCHS, math.ceil(len(values) * _TAIL_SHARE))
    if len(values) < count:
        return None
    tail = values[-count:]
    place = np.arange(count) - (count - 1) / 2
    slope = float((place * tail).sum() / (place**2).sum())
    left = tail - tail.mean() - slope * place
    variance = float((left**2).sum() / max(1, count - 2))
    again = float((left[:-1] * left[1:]).sum() / max((left**2).sum(), 1e-300))
    effective = count * (1.0 - max(0.0, again)) / (1.0 + max(0.0, again))
    return float(tail.mean()), variance / max(1.0, effective), float(count)


def _pair(
    first: Arm, second: Arm, middle: float, half: float, basis: Literal["seeds", "epochs"]
) -> Difference:
    return Difference(
        first.name, second.name, middle, middle - half, middle + half, basis,
        (len(first.curves), len(second.curves)),
    )  # fmt: skip


def band(arm: Arm) -> dict[str, list[tuple[int, float]]]:
    """Mean curve of an arm, and its lowest and highest run where there are several."""
    shortest = min(len(curve) for curve in arm.curves)
    table = np.array([curve[:shortest] for curve in arm.curves])
    rows = {arm.name: table.mean(0)}
    if len(arm.curves) > 1:
        rows |= {f"{arm.name}, lowest": table.min(0), f"{arm.name}, highest": table.max(0)}
    return {
        name: [(n + 1, float(value)) for n, value in enumerate(values)]
        for name, values in rows.items()
    }
