"""Matrices as the checks need them: two-dimensional, finite, float64; and their rank.

Shape suffixes: N samples, D dimensions (everything after the first axis, flattened).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

Values = np.ndarray | Tensor
"""What checks take: an array or a tensor, samples first."""


def matrix(values: Values, name: str = "values") -> np.ndarray:
    """(N, D) float64.  Raises ValueError for no samples, no axes, or values that are not finite."""
    array: np.ndarray[Any, Any] = (
        values.detach().cpu().double().numpy()
        if isinstance(values, Tensor)
        else np.asarray(values, dtype=np.float64)
    )
    if array.ndim < 1 or not array.size:
        raise ValueError(f"{name} holds no samples")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are not finite")
    return array.reshape(len(array), -1)


def pair(outputs: Values, targets: Values) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and targets as matrices of one shape.  Raises ValueError where they differ."""
    outputs_ND, targets_ND = matrix(outputs, "outputs"), matrix(targets, "targets")
    if outputs_ND.shape != targets_ND.shape:
        raise ValueError(f"outputs {outputs_ND.shape} and targets {targets_ND.shape} differ")
    return outputs_ND, targets_ND


def row_losses(outputs_ND: np.ndarray, targets_ND: np.ndarray) -> np.ndarray:
    """(N,) mean squared error of each sample."""
    return ((outputs_ND - targets_ND) ** 2).mean(1)


def energies(values_ND: np.ndarray) -> np.ndarray:
    """Squared singular values of the centred matrix, falling, as many as min(N, D)."""
    centred = values_ND - values_ND.mean(0)
    small = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    return np.linalg.eigvalsh(small)[::-1].clip(min=0.0)


def effective_rank(values_ND: np.ndarray) -> float:
    """Dimensions that the samples really use: exp of the entropy of the energy's shares.

    Roy & Vetterli, "The effective rank" (2007), on squared singular values; 0 for a constant.
    """
    energy = energies(values_ND)
    if energy.sum() <= 1e-24 * max(1.0, float((values_ND**2).sum())):
        return 0.0
    share = energy / energy.sum()
    share = share[share > 1e-15]
    return float(np.exp(-(share * np.log(share)).sum()))


def numerical_rank(values_ND: np.ndarray, tolerance: float = 1e-10) -> int:
    """Directions with more than ``tolerance`` of the largest one's energy, around the mean."""
    energy = energies(values_ND)
    if energy[0] <= 1e-24 * max(1.0, float((values_ND**2).sum())):
        return 0
    return int((energy > tolerance * energy[0]).sum())


def mean_cosine(values_ND: np.ndarray) -> float:
    """Mean cosine of all pairs of different rows, without building the pairs; NaN for one row."""
    norm = np.linalg.norm(values_ND, axis=1, keepdims=True)
    unit = values_ND / np.maximum(norm, 1e-30)
    n = len(unit)
    if n < 2:
        return float("nan")
    return float((np.sum(unit.sum(0) ** 2) - np.sum(unit**2)) / (n * (n - 1)))
