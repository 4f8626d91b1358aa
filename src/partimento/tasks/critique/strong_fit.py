"""Fit the shipped critic, and measure how wide its intervals must be.

Shape suffixes: N clips, F statistics, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.core.progress import Progress
from partimento.music.clip_statistics import performance_names
from partimento.tasks.critique.kernel import KernelRidge, Scaler, distance
from partimento.tasks.critique.kernel_weights import STEPS, learn_weights
from partimento.tasks.critique.stacked_fit import EPOCHS, NETWORKS, train_stacked
from partimento.tasks.critique.strong import COVERAGE, Calibration, Pair, StrongCritic


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to learn: steps on the kernel's weights, epochs and number of the networks."""

    steps: int = STEPS
    epochs: int = EPOCHS
    networks: int = NETWORKS


FULL_EFFORT = Effort()


def fit_pair(
    inputs_NF: np.ndarray, labels_ND: np.ndarray, groups_N: np.ndarray, *, seed: int = 0,
    effort: Effort = FULL_EFFORT, progress: Progress | None = None,
) -> Pair:  # fmt: skip
    """A kernel regression and networks on standardised statistics.

    ``groups_N``: passages that share notes, left out together while the weights are learnt.
    """
    weights, noise = learn_weights(
        inputs_NF, labels_ND, groups_N, steps=effort.steps, progress=progress
    )
    kernel = KernelRidge.fit(inputs_NF, labels_ND, weights, noise)
    networks = train_stacked(
        inputs_NF, labels_ND, seed=seed, epochs=effort.epochs, networks=effort.networks,
        progress=progress,
    )  # fmt: skip
    return Pair(kernel, networks)


def fit_critic(
    values_NF: np.ndarray, labels_ND: np.ndarray, groups_N: np.ndarray, works_N: np.ndarray,
    *, name: str = "critique", seed: int = 0, effort: Effort = FULL_EFFORT,
    progress: Progress | None = None,
) -> StrongCritic:  # fmt: skip
    """The critic, from statistics (NaN where not known) and mean labels of clips.

    ``works_N``: the work (or movement) of each clip, held out for the calibration.
    """
    scaler = Scaler.fit(values_NF)
    inputs = scaler(values_NF)
    own = len(performance_names())
    options = {"seed": seed, "effort": effort, "progress": progress}
    full = fit_pair(inputs, labels_ND, groups_N, **options)  # type: ignore[arg-type]
    alone = fit_pair(inputs[:, :own], labels_ND, groups_N, **options)  # type: ignore[arg-type]
    calibration = calibrate(full.kernel, inputs[:, :own], labels_ND, groups_N, works_N)
    return StrongCritic(name, scaler, labels_ND, full, alone, calibration)


def calibrate(
    kernel: KernelRidge, own_NF: np.ndarray, labels_ND: np.ndarray, groups_N: np.ndarray,
    works_N: np.ndarray,
) -> Calibration:  # fmt: skip
    """Quantiles of what the kernel regression misses on groups, and on works, left out.

    The networks are not part of it, and the kernel's weights have seen the clips: the intervals'
    true coverage is measured by the protocols, not promised by this.
    """
    quantiles, familiarities = [], []
    apart = distance(own_NF, own_NF) / own_NF.shape[1]
    for groups in (groups_N, works_N):
        mean, sd = kernel.left_out(groups)
        quantiles.append(np.quantile(np.abs(labels_ND - mean) / sd[:, None], COVERAGE, axis=0))
        others = np.where(groups[:, None] == groups[None], np.inf, apart)
        nearest = np.exp(-others.min(axis=1))
        familiarities.append(float(np.median(nearest)))
    blind = np.quantile(np.abs(labels_ND - labels_ND.mean(axis=0)), COVERAGE, axis=0)
    return Calibration(quantiles[0], quantiles[1], familiarities[0], familiarities[1], blind)
