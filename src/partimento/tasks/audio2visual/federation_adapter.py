"""The light adapter of a federation: Linear, GELU, Linear in numpy, with its own gradient.

Its output is one score per pooled concept; their softmax are the weights that
:func:`partimento.tasks.audio2visual.bank.project` maps in closed form onto any text encoder.  In
numpy a node starts in a tenth of a second, and the same seed gives the same bytes everywhere.

Shape suffixes: B clips, D statistics, H hidden units (the code), K concepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from partimento.training.federated_rules import Arrays

_ERF = np.array([0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429])
"""Abramowitz and Stegun (1964), 7.1.26: error below 1.5e-7."""


@dataclass(frozen=True, slots=True)
class LocalTraining:
    """One node's training between two messages."""

    epochs: int
    batch_size: int
    rate: float
    mu: float = 0.0
    """Pull towards the weights received (FedProx, Li et al. 2020); 0: none."""
    distil: float = 0.0
    """Weight of the distance to the class-wise mean scores received; 0: none."""


def start_weights(inputs: int, hidden: int, outputs: int, rng: np.random.Generator) -> Arrays:
    """Uniform within 1 / sqrt(inputs of the layer), float32, as He's rule with slope sqrt(5)."""
    shapes = {"w1_DH": (inputs, hidden), "b1_H": (hidden,), "w2_HK": (hidden, outputs)}
    shapes["b2_K"] = (outputs,)
    fan = {"w1_DH": inputs, "b1_H": inputs, "w2_HK": hidden, "b2_K": hidden}
    return {
        name: rng.uniform(-1.0, 1.0, shape).astype(np.float32) / np.float32(np.sqrt(fan[name]))
        for name, shape in shapes.items()
    }


def scores(weights: Mapping[str, np.ndarray], x_BD: np.ndarray) -> np.ndarray:
    """(B, K) float32 scores of standardised statistics."""
    hidden_BH = x_BD @ weights["w1_DH"] + weights["b1_H"]
    return _gelu(hidden_BH)[0] @ weights["w2_HK"] + weights["b2_K"]


def loss_and_gradient(
    weights: Mapping[str, np.ndarray],
    x_BD: np.ndarray,
    label_B: np.ndarray,
    table_KK: np.ndarray | None = None,
    distil: float = 0.0,
) -> tuple[float, Arrays]:
    """Mean cross-entropy over all K concepts, and its gradient.

    With ``distil`` plus that weight times half the mean squared distance between a clip's scores
    and the row of ``table_KK`` of its label, both less their mean (federated distillation, Jeong et
    al. 2018).
    """
    before_BH = x_BD @ weights["w1_DH"] + weights["b1_H"]
    after_BH, slope_BH = _gelu(before_BH)
    score_BK = after_BH @ weights["w2_HK"] + weights["b2_K"]
    rows = np.arange(len(label_B))
    log_p_BK = log_softmax(score_BK)
    loss = -float(log_p_BK[rows, label_B].mean())
    d_score_BK = np.exp(log_p_BK)
    d_score_BK[rows, label_B] -= 1.0
    d_score_BK /= len(label_B)
    if distil and table_KK is not None:
        off_BK = _centred(score_BK) - _centred(table_KK[label_B])
        loss += 0.5 * distil * float((off_BK**2).mean())
        d_score_BK += distil * off_BK / off_BK.size
    d_before_BH = (d_score_BK @ weights["w2_HK"].T) * slope_BH
    gradient = {
        "w1_DH": x_BD.T @ d_before_BH,
        "b1_H": d_before_BH.sum(0),
        "w2_HK": after_BH.T @ d_score_BK,
        "b2_K": d_score_BK.sum(0),
    }
    return loss, gradient


def train_locally(
    weights: Mapping[str, np.ndarray],
    x_BD: np.ndarray,
    label_B: np.ndarray,
    how: LocalTraining,
    rng: np.random.Generator,
    table_KK: np.ndarray | None = None,
) -> tuple[Arrays, float]:
    """The weights after some epochs of stochastic gradient descent, and the last epoch's loss.

    With ``mu`` the objective has ``mu / 2`` times the squared distance to the start beside it.
    """
    new = {name: array.astype(np.float32) for name, array in weights.items()}
    rate, mu = np.float32(how.rate), np.float32(how.mu)
    losses: list[float] = []
    for _ in range(how.epochs):
        losses = []
        order = rng.permutation(len(label_B))
        for start in range(0, len(order), how.batch_size):
            batch = order[start : start + how.batch_size]
            loss, gradient = loss_and_gradient(
                new, x_BD[batch], label_B[batch], table_KK, how.distil
            )
            losses.append(loss)
            for name, array in new.items():
                pull = mu * (array - weights[name])
                new[name] = array - rate * (gradient[name].astype(np.float32) + pull)
    return new, float(np.mean(losses)) if losses else float("nan")


def log_softmax(score_BK: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax over the last axis."""
    shifted = score_BK - score_BK.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _centred(score_BK: np.ndarray) -> np.ndarray:
    """Scores less their mean, which the softmax does not see."""
    return score_BK - score_BK.mean(-1, keepdims=True)


def _gelu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``x * Phi(x)`` (Hendrycks and Gimpel 2016) and its derivative."""
    size = np.abs(x) / np.sqrt(np.float32(2.0))
    t = 1.0 / (1.0 + 0.3275911 * size)
    tail = np.zeros_like(t)
    for coefficient in _ERF[::-1]:
        tail = (tail + np.asarray(coefficient, x.dtype)) * t
    bell = np.exp(-0.5 * x * x)
    phi = 0.5 * (1.0 + np.sign(x) * (1.0 - tail * bell))
    density = bell * np.asarray(1.0 / np.sqrt(2.0 * np.pi), x.dtype)
    return (x * phi).astype(x.dtype), (phi + x * density).astype(x.dtype)
