"""Small networks on a clip's statistics, several side by side, averaged; in NumPy.

Judging a clip needs no more than this, and torch alone would take longer to load than all the
rest.  They are trained in :mod:`partimento.tasks.critique.stacked_fit`.

Shape suffixes: E networks, M clips, F statistics, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LAYERS = 3


@dataclass(frozen=True, slots=True)
class StackedNetworks:
    """Perceptrons with two hidden layers (GELU), each with its own weights.

    ``weights`` (E, before, after) and ``biases`` (E, 1, after) of each layer.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def each(self, inputs_MF: np.ndarray) -> np.ndarray:
        """Outputs of every network (E, M, D)."""
        h = np.asarray(inputs_MF, dtype=np.float64)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = h @ weight + bias
            if layer + 1 < len(self.weights):
                h = _gelu(h)
        return h

    def predict(self, inputs_MF: np.ndarray) -> np.ndarray:
        """The mean of the networks' outputs (M, D)."""
        mean: np.ndarray = self.each(inputs_MF).mean(axis=0)
        return mean

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """What is stored."""
        found = {}
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            found[f"{prefix}.weights.{layer}"] = weight.astype(np.float32)
            found[f"{prefix}.biases.{layer}"] = bias.astype(np.float32)
        return found

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> StackedNetworks:
        """What :meth:`arrays` stored.  Raises KeyError for arrays that are missing."""
        kinds = (
            tuple(arrays[f"{prefix}.{kind}.{k}"].astype(np.float64) for k in range(LAYERS))
            for kind in ("weights", "biases")
        )
        return cls(*kinds)


def _gelu(x: np.ndarray) -> np.ndarray:
    """X times the normal distribution function of x (Hendrycks and Gimpel 2016)."""
    from scipy.special import erf

    found: np.ndarray = 0.5 * x * (1 + erf(x / np.sqrt(2)))
    return found
