"""How well sounds are heard: figures of labels, of places in text space, of confidence.

Everything in text space is computed in the basis of the prompts: with the z-scored prompts as rows
of R, an output is ``c @ R`` and a target is a row, so that all distances and cosines follow from
the Gram matrix ``R @ R.T`` of K x K numbers, however wide the space is.

Shape suffixes: N clips, K concepts of the bank, C labels, G groups, B draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

DRAWS = 1000
BINS = 10
_EXCHANGES = 20
_NORMAL = 1.959963985
"""Quantile of the normal distribution that belongs to 95 %."""
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TextSpace:
    """Outputs and targets of N clips in one text space, z-scored over the prompts of the labels."""

    gram_KK: np.ndarray
    """Inner products of the z-scored prompts, float64."""
    outputs_NK: np.ndarray
    """Coefficients of the outputs over the prompts; each row has the sum 1."""
    targets_N: np.ndarray
    """Row of the bank that each clip should be."""
    labels_C: np.ndarray
    """Rows of the bank that are labels."""


def text_space(
    rows_KE: np.ndarray, weights_NK: np.ndarray, targets_N: np.ndarray, labels_C: np.ndarray
) -> TextSpace:
    """The space of prompt embeddings ``rows_KE`` (K, any shape), z-scored over the labels' rows.

    ``weights_NK`` are a model's weights; the outputs are those of
    :func:`partimento.tasks.audio2visual.bank.project`: ``mean + weights @ (rows - mean)``.  Where
    all labels agree in a number it is only centred.
    """
    flat_KE = rows_KE.reshape(len(rows_KE), -1).astype(np.float32)
    known = flat_KE[labels_C]
    mean_E, std_E = known.mean(0), known.std(0)
    # Below float16's resolution a difference is noise; divided by it, it would become a target.
    floor = 1e-3 * max(float(np.abs(known).max()), 1e-6)
    z_KE = (flat_KE - mean_E) / np.where(std_E > floor, std_E, np.float32(1.0))
    gram_KK = (z_KE @ z_KE.T).astype(np.float64)
    weights = np.asarray(weights_NK, dtype=np.float64)
    outputs_NK = weights + (1.0 - weights.sum(1, keepdims=True)) / len(rows_KE)
    return TextSpace(gram_KK, outputs_NK, np.asarray(targets_N), np.asarray(labels_C))


def nearest_label(space: TextSpace) -> np.ndarray:
    """(N,) row of the label whose prompt has the largest cosine with the output."""
    inner_NK = space.outputs_NK @ space.gram_KK
    lengths_K = np.sqrt(np.maximum(np.diag(space.gram_KK), 1e-12))
    # The output's own length is the same for all labels and changes nothing.
    cosine_NC = inner_NK[:, space.labels_C] / lengths_K[space.labels_C]
    nearest: np.ndarray = space.labels_C[cosine_NC.argmax(1)]
    return nearest


def r2_vs_constant(space: TextSpace, counts_BN: np.ndarray | None = None) -> np.ndarray:
    """(B,) ``1 - SSE / SSE`` of the mean of the clips' targets, over all numbers of the space.

    ``counts_BN`` says how often each clip counts (a bootstrap); default: once.  NaN where all
    targets are the same.
    """
    counts_BN = _counts(space, counts_BN)
    target_NK = np.eye(len(space.gram_KK))[space.targets_N]
    off_NK = space.outputs_NK - target_NK
    error_N = np.einsum("nk,kj,nj->n", off_NK, space.gram_KK, off_NK)
    square_N = np.diag(space.gram_KK)[space.targets_N]
    total_B = counts_BN.sum(1)
    sum_BK = counts_BN @ target_NK
    around_B = counts_BN @ square_N
    around_B = around_B - np.einsum("bk,kj,bj->b", sum_BK, space.gram_KK, sum_BK) / total_B
    return _ratio(counts_BN @ error_N, around_B, flip=True)


def diversity(space: TextSpace, counts_BN: np.ndarray | None = None) -> np.ndarray:
    """(B,) mean Euclidean distance of two outputs over that of their targets, over all pairs.

    1 where outputs differ as much as the targets do, 0 for a constant; NaN where all targets are
    the same.  ``counts_BN`` as in :func:`r2_vs_constant`; a clip drawn twice is no pair.
    """
    counts_BN = _counts(space, counts_BN)
    outputs_NN = _distances(space.outputs_NK, space.gram_KK)
    targets_NN = _distances(np.eye(len(space.gram_KK))[space.targets_N], space.gram_KK)
    above = np.einsum("bn,bn->b", counts_BN @ outputs_NN, counts_BN)
    below = np.einsum("bn,bn->b", counts_BN @ targets_NN, counts_BN)
    return _ratio(above, below, flip=False)


def _counts(space: TextSpace, counts_BN: np.ndarray | None) -> np.ndarray:
    if counts_BN is None:
        return np.ones((1, len(space.targets_N)))
    return np.asarray(counts_BN, dtype=np.float64)


def _ratio(above_B: np.ndarray, below_B: np.ndarray, *, flip: bool) -> np.ndarray:
    found = np.full(len(above_B), np.nan)
    known = below_B > 1e-9
    found[known] = above_B[known] / below_B[known]
    return 1.0 - found if flip else found


def _distances(places_NK: np.ndarray, gram_KK: np.ndarray) -> np.ndarray:
    """(N, N) Euclidean distances of ``places @ R``."""
    inner_NN = places_NK @ gram_KK @ places_NK.T
    square_N = np.diag(inner_NN)
    return np.sqrt(np.maximum(square_N[:, None] + square_N[None, :] - 2.0 * inner_NN, 0.0))


def expected_calibration_error(confidence_N: np.ndarray, correct_N: np.ndarray) -> float:
    """Mean gap between confidence and share correct over ten equal bins, weighted by their clips.

    Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), equation 3.
    """
    bins_N = np.minimum((np.asarray(confidence_N) * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(bins_N, weights=np.asarray(correct_N) - confidence_N, minlength=BINS)
    return float(np.abs(gap).sum() / max(1, len(bins_N)))


def auroc(known_N: np.ndarray, unknown_M: np.ndarray) -> float:
    """Chance that a random unknown sound scores above a random known one; ties count half.

    The area under the ROC curve (Mann and Whitney's U over N M); NaN where a side is empty.
    """
    if not len(known_N) or not len(unknown_M):
        return float("nan")
    known = np.sort(np.asarray(known_N, dtype=np.float64))
    below = np.searchsorted(known, unknown_M, side="left")
    level = np.searchsorted(known, unknown_M, side="right") - below
    return float((below + 0.5 * level).sum() / (len(known) * len(unknown_M)))


def swap_partners(labels: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """(N,) for each clip another of a different label, each at most once; -1 where none is left.

    Clips are put in order of their labels and moved on by the size of the largest label; then
    pairs that may do so exchange their partners at random, so that every other label is met.
    """
    labels_N = np.array(labels)
    order = np.argsort(labels_N, kind="stable")
    moved = np.roll(order, int(np.unique(labels_N, return_counts=True)[1].max()))
    partners = np.zeros(len(labels_N), dtype=np.int64)
    partners[order] = moved
    for one, other in rng.integers(0, len(labels_N), (_EXCHANGES * len(labels_N), 2)):
        mine, yours = labels_N[partners[one]], labels_N[partners[other]]
        if labels_N[one] != yours and labels_N[other] != mine:
            partners[[one, other]] = partners[[other, one]]
    partners[labels_N[partners] == labels_N] = -1
    return partners


def wilson(hits: int, total: int) -> Interval:
    """95 % interval of a share of independent trials (Wilson 1927); NaN without trials."""
    if total == 0:
        return float("nan"), float("nan")
    share, z2 = hits / total, _NORMAL**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _NORMAL / (1 + z2 / total) * sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return (0.0 if hits == 0 else middle - half), (1.0 if hits == total else middle + half)


def drawn_groups(
    groups: Sequence[Hashable], rng: np.random.Generator, draws: int = DRAWS
) -> np.ndarray:
    """(B, N) how often each clip counts in a bootstrap that draws whole groups."""
    numbers = {group: n for n, group in enumerate(dict.fromkeys(groups))}
    owner_N = np.array([numbers[group] for group in groups])
    drawn_BG = rng.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), size=draws)
    return drawn_BG[:, owner_N].astype(np.float64)


def middle_95(values_B: np.ndarray) -> Interval:
    """2.5 % and 97.5 % quantiles of the draws that are numbers."""
    known = values_B[np.isfinite(values_B)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
