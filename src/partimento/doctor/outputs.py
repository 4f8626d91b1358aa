"""Do the outputs vary as the targets do, and beat a constant?   (R2 of the doctor's rows)

Shape suffixes: N samples, D dimensions of one target, flattened.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from partimento.doctor.finding import Measured
from partimento.doctor.matrices import (
    Values,
    effective_rank,
    matrix,
    mean_cosine,
    pair,
    row_losses,
)

SPREAD_FLOOR = 0.1
"""Least share of the targets' standard deviation that a live dimension shows."""
R2_FLOOR = 0.05
DIVERSITY_FLOOR = 0.2


@dataclass(frozen=True, kw_only=True)
class Collapse(Measured):
    """Spread of the outputs over samples; ``measured`` is the median ratio over dimensions."""

    collapsed: int
    """Dimensions whose ratio is below the threshold."""
    dimensions: int
    """Dimensions in which the targets vary; the others have no ratio."""
    output_rank: float
    """Effective rank of the outputs around their mean."""
    target_rank: float
    ratio_D: np.ndarray = field(repr=False)
    """Standard deviation of the outputs over that of the targets; NaN where targets are still."""


def collapse(outputs: Values, targets: Values) -> Collapse:
    """Whether the outputs are (nearly) the same for every sample.

    outputs, targets: (N, ...).  A regression that fits half of the variance shows a ratio of 0.7,
    so a low ratio means that little is explained, not that the optimiser is at fault.

    Raises ValueError where the shapes differ or all targets are equal.
    """
    outputs_ND, targets_ND = pair(outputs, targets)
    spread, wanted = outputs_ND.std(0), targets_ND.std(0)
    live = wanted > 1e-9 * max(1.0, float(np.abs(targets_ND).max()))
    if not live.any():
        raise ValueError("all targets are equal: nothing can collapse")
    ratio_D = np.where(live, spread / np.where(live, wanted, 1.0), np.nan)
    ratios = ratio_D[live]
    median, dead = float(np.median(ratios)), int((ratios < SPREAD_FLOOR).sum())
    return Collapse(
        measured=median,
        unit="standard deviation of outputs / of targets, median over dimensions",
        threshold=SPREAD_FLOOR,
        source="a fit that explains 1 % of the variance has this ratio",
        bad_when="below",
        says=f"the outputs vary {median:.3g} times as much as the targets;"
        f" {dead} of {len(ratios)} dimensions are still",
        collapsed=dead,
        dimensions=len(ratios),
        output_rank=effective_rank(outputs_ND),
        target_rank=effective_rank(targets_ND),
        ratio_D=ratio_D,
    )


@dataclass(frozen=True, kw_only=True)
class AgainstConstant(Measured):
    """Loss beside that of the best constant; ``measured`` is R2 against it."""

    loss: float
    """Mean squared error of the model."""
    constant_loss: float
    """Mean squared error of the constant."""


def against_constant(
    outputs: Values, targets: Values, *, constant: Values | None = None
) -> AgainstConstant:
    """R2 = 1 - squared error / squared error of a constant answer.

    ``constant``: (...), the mean target of the training data; default: the mean of ``targets``,
    which no real constant predictor can beat.

    Raises ValueError where the shapes differ or the constant makes no error.
    """
    outputs_ND, targets_ND = pair(outputs, targets)
    if constant is None:
        still = targets_ND.mean(0)
    else:
        still = matrix(constant, "constant").reshape(-1)
        if still.shape != targets_ND.shape[1:]:
            raise ValueError(f"the constant has {still.size} numbers, not {targets_ND.shape[1]}")
    floor = float(((targets_ND - still) ** 2).mean())
    if floor <= 0.0:
        raise ValueError("a constant answers every target: there is nothing to explain")
    loss = float(row_losses(outputs_ND, targets_ND).mean())
    r2 = 1.0 - loss / floor
    return AgainstConstant(
        measured=r2,
        unit="share of the constant's squared error that is explained",
        threshold=R2_FLOOR,
        source="below it the answer is the mean target for all practical purposes",
        bad_when="below",
        says=f"loss {loss:.4g} against {floor:.4g} of a constant: R2 {r2:.3f}",
        loss=loss,
        constant_loss=floor,
    )


@dataclass(frozen=True, kw_only=True)
class Diversity(Measured):
    """Cosine distances between outputs beside those between targets."""

    output_distance: float
    """Mean cosine distance of two outputs, 0 (all alike) to 2."""
    target_distance: float


def output_diversity(outputs: Values, targets: Values) -> Diversity:
    """How different the outputs are from each other, relative to the targets.

    ``measured`` = mean cosine distance of two outputs / of two targets.  Same samples, so that
    repeated classes weigh equally on both sides.

    Raises ValueError for fewer than two samples or targets that all point one way.
    """
    outputs_ND, targets_ND = pair(outputs, targets)
    if len(outputs_ND) < 2:
        raise ValueError("diversity needs two samples")
    of_outputs, of_targets = 1.0 - mean_cosine(outputs_ND), 1.0 - mean_cosine(targets_ND)
    if of_targets <= 1e-12:
        raise ValueError("all targets point the same way: there is no diversity to reach")
    ratio = of_outputs / of_targets
    return Diversity(
        measured=ratio,
        unit="mean cosine distance of outputs / of targets",
        threshold=DIVERSITY_FLOOR,
        source="less than half of the 0.48 to 0.56 that published adapters reach",
        bad_when="below",
        says=f"two outputs are {of_outputs:.3g} apart, two targets {of_targets:.3g}:"
        f" diversity {ratio:.2f}",
        output_distance=of_outputs,
        target_distance=of_targets,
    )
