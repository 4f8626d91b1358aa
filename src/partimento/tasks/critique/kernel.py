"""Kernel ridge regression with a weighted Laplacian kernel, in NumPy.

k(x, y) = exp(-sum_f w_f |x_f - y_f|), all 19 dimensions with one kernel (Rasmussen and Williams,
"Gaussian Processes for Machine Learning", 2006).  The absolute difference forgives single odd
statistics, which a squared one does not.

Shape suffixes: N learnt clips, M clips, F statistics, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

CLIP = 4.0
"""Statistics are cut off at so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Scaler:
    """``median``, ``mean`` and ``sd`` (F,) of statistics, from the clips learnt from only."""

    median: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, values_NF: np.ndarray) -> Scaler:
        """NaN counts as the median; a statistic that nobody has is 0."""
        known = np.isfinite(values_NF)
        filled = np.where(known, values_NF, np.nan)
        filled[:, ~known.any(axis=0)] = 0.0
        median = np.nanmedian(filled, axis=0)
        whole = np.where(known, values_NF, median)
        mean, sd = whole.mean(axis=0), whole.std(axis=0)
        # What never changes tells nothing, and rounding must not make it tell something.
        return cls(median, mean, np.where(sd > 1e-6 * (1 + np.abs(mean)), sd, np.inf))

    def __call__(self, values_MF: np.ndarray) -> np.ndarray:
        """Standardised statistics, without NaN."""
        whole = np.where(np.isfinite(values_MF), values_MF, self.median)
        return np.clip((whole - self.mean) / self.sd, -CLIP, CLIP)


def distance(a_MF: np.ndarray, b_NF: np.ndarray) -> np.ndarray:
    """Sums of absolute differences (M, N)."""
    found = np.empty((len(a_MF), len(b_NF)))
    for row, one in enumerate(a_MF):
        found[row] = np.abs(b_NF - one).sum(axis=1)
    return found


@dataclass(frozen=True)
class KernelRidge:
    """A fitted regression: ``weights`` (F,), standardised ``inputs`` (N, F), ``targets`` (N, D).

    ``noise`` is added to the kernel's diagonal.  What follows from these is solved for when it is
    first asked for: some tenths of a second for a thousand clips.
    """

    weights: np.ndarray
    noise: float
    inputs: np.ndarray
    targets: np.ndarray

    @classmethod
    def fit(
        cls, inputs_NF: np.ndarray, targets_ND: np.ndarray, weights_F: np.ndarray, noise: float
    ) -> KernelRidge:
        """The regression with these weights; the mean of the targets is taken out first."""
        return cls(weights_F, noise, inputs_NF.astype(np.float64), targets_ND)

    @cached_property
    def inverse(self) -> np.ndarray:
        """(N, N) of the kernel with the noise on its diagonal."""
        scaled = self.inputs * self.weights
        kernel = np.exp(-distance(scaled, scaled))
        found: np.ndarray = np.linalg.inv(kernel + self.noise * np.eye(len(kernel)))
        return found

    @cached_property
    def coefficients(self) -> np.ndarray:
        """(N, D)."""
        found: np.ndarray = self.inverse @ (self.targets - self.targets.mean(axis=0))
        return found

    def predict(self, inputs_MF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means (M, D), and standard deviations (M,) in units of the prior's."""
        kernel = np.exp(-distance(inputs_MF * self.weights, self.inputs * self.weights))
        mean = kernel @ self.coefficients + self.targets.mean(axis=0)
        known = np.einsum("mn,nk,mk->m", kernel, self.inverse, kernel, optimize=True)
        return mean, np.sqrt(np.maximum(1.0 + self.noise - known, 1e-6))

    def left_out(self, groups_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each group's clips would be given by the regression on all other groups.

        Means (N, D) and standard deviations (N,); exact for these weights, from the blocks of the
        inverse (Rasmussen and Williams 2006, equation 5.12, by blocks), up to the mean that is
        taken out.
        """
        mean, sd = np.empty_like(self.targets), np.empty(len(self.targets))
        for group in np.unique(groups_N):
            own = np.flatnonzero(groups_N == group)
            block = np.linalg.inv(self.inverse[np.ix_(own, own)])
            mean[own] = self.targets[own] - block @ self.coefficients[own]
            sd[own] = np.sqrt(np.maximum(np.diag(block), 1e-6))
        return mean, sd

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """What is stored; the targets are stored once for all members."""
        return {
            f"{prefix}.weights": self.weights.astype(np.float32),
            f"{prefix}.inputs": self.inputs.astype(np.float32),
            f"{prefix}.noise": np.array([self.noise], dtype=np.float32),
        }

    @classmethod
    def restored(
        cls, arrays: Mapping[str, np.ndarray], prefix: str, targets_ND: np.ndarray
    ) -> KernelRidge:
        """The member that :meth:`arrays` stored.

        Raises KeyError for arrays that are missing.
        """
        weights, inputs = (
            arrays[f"{prefix}.{n}"].astype(np.float64) for n in ("weights", "inputs")
        )
        return cls.fit(inputs, targets_ND, weights, float(arrays[f"{prefix}.noise"][0]))
