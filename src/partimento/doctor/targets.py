"""What the targets alone decide: rank, scales, distances, and the floor of a constant.   (D7)

Shape suffixes: N samples, K classes, D dimensions of one target, flattened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from partimento.doctor.finding import Measured
from partimento.doctor.matrices import (
    Values,
    effective_rank,
    matrix,
    mean_cosine,
    numerical_rank,
)

RANK_SHARE = 0.1
SCALE_RATIO = 2.0


@dataclass(frozen=True, kw_only=True)
class TargetRank(Measured):
    """Directions that the targets span around their mean; ``measured`` is their share."""

    rank: int
    effective: float
    dimensions: int
    distinct: int
    """Different target rows."""


def target_rank(targets: Values) -> TargetRank:
    """How much of the output space the targets need.

    targets: (N, ...).  K prompts span at most K - 1 directions around their mean, so a code of that
    width and a closed-form map can say all that a head of a million weights says.
    """
    targets_ND = matrix(targets, "targets")
    rank, dimensions = numerical_rank(targets_ND), targets_ND.shape[1]
    distinct = len(np.unique(targets_ND, axis=0))
    return TargetRank(
        measured=rank / dimensions,
        unit="rank of the centred targets / output dimensions",
        threshold=RANK_SHARE,
        source="below it nine outputs in ten are linear in the others",
        bad_when="below",
        says=f"{distinct} different targets of {dimensions:,} numbers span {rank} directions",
        rank=rank,
        effective=effective_rank(targets_ND),
        dimensions=dimensions,
        distinct=distinct,
    )


@dataclass(frozen=True, kw_only=True)
class Heterogeneity(Measured):
    """Class targets beside each other; ``measured`` is the ratio of their largest norms."""

    classes: int
    mean_floor: float
    """Mean squared error of answering the mean target of all samples."""
    floor_if_equal_scale: float
    """The same after every class target is brought to the root mean square norm of all."""
    nearest: float
    """Smallest root mean square difference of two class targets."""
    farthest: float
    mean_distance: float
    mean_cosine: float
    """Of two different class targets."""
    norm_K: np.ndarray = field(repr=False)
    """Norm of each class's target, classes in sorted order."""


def heterogeneity(targets: Values, labels: Sequence[int] | np.ndarray) -> Heterogeneity:
    """How different the classes' targets are, and whether their scales differ.

    targets: (N, ...); labels: (N,).  A loss compared between sets of targets says nothing unless
    the floors are equal: targets scaled 1 to 8 raise it by themselves.

    Raises ValueError unless there is a label for each target and two classes.
    """
    targets_ND, labels_N = matrix(targets, "targets"), np.asarray(labels)
    names = np.unique(labels_N)
    if labels_N.shape != (len(targets_ND),) or len(names) < 2:
        raise ValueError("heterogeneity needs a label for each target, and two classes")
    means_KD = np.stack([targets_ND[labels_N == name].mean(0) for name in names])
    norm_K = np.linalg.norm(means_KD, axis=1)
    distances = _distances(means_KD)
    ratio = float(norm_K.max() / max(float(norm_K.min()), 1e-30))
    level = np.sqrt((norm_K**2).mean()) / np.maximum(norm_K, 1e-30)
    equal_ND = targets_ND * level[np.searchsorted(names, labels_N)][:, None]
    floor = mean_floor(targets_ND)
    return Heterogeneity(
        measured=ratio,
        unit="largest norm of a class target / smallest",
        threshold=SCALE_RATIO,
        source="text embeddings of prompts differ by less than 1.5; squared errors go with the"
        " square",
        bad_when="above",
        says=f"norms of class targets differ {ratio:.3g}-fold; answering the mean costs"
        f" {floor:.4g}, {mean_floor(equal_ND):.4g} at equal scale",
        classes=len(names),
        mean_floor=floor,
        floor_if_equal_scale=mean_floor(equal_ND),
        nearest=float(distances.min()),
        farthest=float(distances.max()),
        mean_distance=float(distances.mean()),
        mean_cosine=mean_cosine(means_KD),
        norm_K=norm_K,
    )


def mean_floor(targets: Values) -> float:
    """Mean squared error of the best constant answer to the targets (N, ...)."""
    targets_ND = matrix(targets, "targets")
    return float(((targets_ND - targets_ND.mean(0)) ** 2).mean())


def _distances(means_KD: np.ndarray) -> np.ndarray:
    rows, columns = np.triu_indices(len(means_KD), 1)
    return np.sqrt(((means_KD[rows] - means_KD[columns]) ** 2).mean(1))
