"""Curves of a run, and how much of them is noise.

Shape suffix: S points of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.doctor.case import Case

_MAD = 0.6745
"""Median absolute deviation of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Curve:
    """Values over optimiser steps, in order; not finite ones are kept."""

    name: str
    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def finite(self) -> Curve:
        """Without the points that are no numbers."""
        kept = np.isfinite(self.values)
        return Curve(self.name, self.steps[kept], self.values[kept])

    def at(self, step: float) -> float:
        """The value at another step, interpolated; the end values outside."""
        return float(np.interp(step, self.steps, self.values))

    def rows(self, most: int = 60) -> list[dict[str, float]]:
        """Points for the evidence, thinned out."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(len(self), most)).round().astype(int))
        return [{"step": float(self.steps[i]), self.name: float(self.values[i])} for i in chosen]


def training_curve(case: Case) -> Curve:
    """Training losses: of the logged steps, else of the epochs, else of the monitor."""
    for kind, name in (("train", "loss"), ("train", "train_loss"), ("epoch", "train_loss")):
        curve = _of_rows(case, (kind,), name)
        if len(curve):
            return Curve("loss", curve.steps, curve.values)
    if case.watched is not None:
        watched = case.watched
        return Curve("loss", watched.steps_S.astype(float), watched.losses_S.astype(float))
    return Curve("loss", np.array([]), np.array([]))


def validation_curve(case: Case) -> Curve:
    """The figure that is validated first in each row; lower is better."""
    kinds = ("epoch", "validation")
    names = [key for row in case.rows if row.get("kind") in kinds for key in row]
    chosen = "valid_loss" if "valid_loss" in names else _first_valid(names)
    return _of_rows(case, kinds, chosen) if chosen else Curve("", np.array([]), np.array([]))


def gradient_curve(case: Case) -> Curve:
    """Norm of all gradients before clipping: of the logged steps, else of the monitor."""
    curve = _of_rows(case, ("train",), "gradient_norm")
    watched = case.watched
    if watched is None or len(curve) >= len(watched.steps_S):
        return curve
    norms = np.sqrt(np.nansum(watched.gradient_norms_SP**2, axis=1))
    return Curve("gradient_norm", watched.steps_S.astype(float), norms)


def same_length(case: Case) -> bool:
    """Whether all steps were trained on sequences of one length, so that losses compare."""
    return len({row["length"] for row in case.rows if row.get("length") is not None}) <= 1


def _first_valid(names: Sequence[str]) -> str:
    return next((name for name in names if name.startswith("valid_")), "")


def _of_rows(case: Case, kinds: Sequence[str], name: str) -> Curve:
    chosen = [row for row in case.rows if row.get("kind") in kinds and name in row]
    values = [np.nan if row[name] is None else float(row[name]) for row in chosen]
    steps = [float(row.get("step", index)) for index, row in enumerate(chosen)]
    return Curve(name, np.array(steps), np.array(values))


def noise(values_S: np.ndarray) -> float:
    """Standard deviation of what jumps from point to point, without trend and outliers.

    From the median absolute second difference, which a straight line does not have; 0 for fewer
    than five points.
    """
    if len(values_S) < 5:
        return 0.0
    bends = np.abs(np.diff(values_S, n=2))
    return float(np.median(bends) / _MAD / np.sqrt(6.0))


def running_median(values_S: np.ndarray, width: int) -> np.ndarray:
    """Centred median over ``width`` points, fewer at the ends."""
    half = width // 2
    return np.array(
        [np.median(values_S[max(0, i - half) : i + half + 1]) for i in range(len(values_S))]
    )


def past_median(values_S: np.ndarray, width: int) -> np.ndarray:
    """Median of the ``width`` points before each; NaN where there are fewer than a third."""
    least = max(3, width // 3)
    return np.array(
        [
            np.median(values_S[max(0, i - width) : i]) if i >= least else np.nan
            for i in range(len(values_S))
        ]
    )


def ending(values_S: np.ndarray, points: int = 3) -> float:
    """Median of the last points."""
    return float(np.median(values_S[-points:]))
