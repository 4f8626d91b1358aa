"""Does the model use its inputs, and as well as a closed form does?   (R9's kind of control)

Shape suffixes: N samples, D input features, P target dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from partimento.doctor.finding import Measured
from partimento.doctor.matrices import Values, matrix, pair, row_losses

SHUFFLE_FLOOR = 0.05
RIDGE_GAP = 0.1
PENALTIES = tuple(10.0 ** (power / 2.0) for power in range(-8, 9))
"""Ridge penalties that are tried, relative to the mean squared norm of an input."""


@dataclass(frozen=True, kw_only=True)
class InputShuffle(Measured):
    """Loss under right and shuffled inputs; ``measured`` is the share owed to the inputs."""

    right: float
    shuffled: float
    low: float
    """Lower end of the 95 % interval of ``measured``."""
    high: float


def input_shuffle(
    answer: Callable[[np.ndarray], Values],
    inputs: np.ndarray,
    targets: Values,
    rng: np.random.Generator,
    *,
    shuffles: int = 10,
    resamples: int = 1000,
) -> InputShuffle:
    """How much of the loss depends on each sample having its own input.

    ``answer`` maps inputs (N, ...) to outputs (N, ...).  ``measured`` = (shuffled - right) /
    shuffled: 0 for a model that does not look at its inputs, 1 for a perfect one.  Every shuffle
    moves every sample (a random cycle).  The interval is a bootstrap over samples.

    Raises ValueError for fewer than two samples or shapes that differ.
    """
    count = len(inputs)
    if count < 2:
        raise ValueError("shuffling needs two samples")
    outputs_NP, targets_NP = pair(answer(inputs), targets)
    right_N = row_losses(outputs_NP, targets_NP)
    shuffled_N = np.zeros(count)
    for _ in range(shuffles):
        order = rng.permutation(count)
        # Each takes the next one's input along a random cycle: none keeps its own.
        source = np.empty(count, dtype=np.int64)
        source[order] = np.roll(order, 1)
        shuffled_N += row_losses(matrix(answer(inputs[source]), "outputs"), targets_NP) / shuffles
    picks = rng.integers(0, count, (resamples, count))
    shares = _share(right_N[picks].mean(1), shuffled_N[picks].mean(1))
    low, high = (float(v) for v in np.quantile(shares, (0.025, 0.975)))
    right, shuffled = float(right_N.mean()), float(shuffled_N.mean())
    share = float(_share(np.array(right), np.array(shuffled)))
    return InputShuffle(
        measured=share,
        unit="(loss under shuffled inputs - loss) / loss under shuffled inputs",
        threshold=SHUFFLE_FLOOR,
        source="below it the inputs decide next to nothing",
        bad_when="below",
        says=f"loss {right:.4g} with the right inputs, {shuffled:.4g} with shuffled ones:"
        f" {share:.1%} is owed to them (95 % interval {low:.1%} to {high:.1%})",
        right=right,
        shuffled=shuffled,
        low=low,
        high=high,
    )


def _share(right: np.ndarray, shuffled: np.ndarray) -> np.ndarray:
    return np.where(shuffled > 0.0, (shuffled - right) / np.where(shuffled > 0, shuffled, 1), 0.0)


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """A fitted linear map: outputs = (inputs - centre) / scale @ weights + mean."""

    weights_DP: np.ndarray
    centre_D: np.ndarray
    scale_D: np.ndarray
    mean_P: np.ndarray
    penalty: float
    """The chosen one of :data:`PENALTIES`."""

    def __call__(self, inputs: Values) -> np.ndarray:
        """(N, P) for inputs (N, T, D') or (N, D)."""
        return (pooled(inputs) - self.centre_D) / self.scale_D @ self.weights_DP + self.mean_P


def pooled(inputs: Values) -> np.ndarray:
    """(N, D) as it is; (N, T, D') as means and standard deviations over T, (N, 2 D')."""
    if inputs.ndim != 3:
        return matrix(inputs, "inputs")
    frames = matrix(inputs, "inputs").reshape(tuple(inputs.shape))
    return np.concatenate([frames.mean(1), frames.std(1)], axis=1)


def fit_ridge(inputs: Values, targets: Values) -> Ridge:
    """Ridge regression on standardised pooled inputs; penalty by exact leave-one-out error.

    Leave-one-out residuals from one eigendecomposition (Allen's PRESS; Hastie, Tibshirani &
    Friedman, section 7.10), in the dual form, so wide inputs cost nothing.
    Raises ValueError for fewer than three samples.
    """
    inputs_ND, targets_NP = pooled(inputs), matrix(targets, "targets")
    if len(inputs_ND) != len(targets_NP) or len(inputs_ND) < 3:
        raise ValueError("ridge needs as many inputs as targets, and three at least")
    centre, scale = inputs_ND.mean(0), inputs_ND.std(0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    unit_ND, mean = (inputs_ND - centre) / scale, targets_NP.mean(0)
    values, vectors_NN = np.linalg.eigh(unit_ND @ unit_ND.T)
    size = max(float(np.mean(np.sum(unit_ND**2, axis=1))), 1e-12)
    turned_NP = vectors_NN.T @ (targets_NP - mean)

    def inverse(penalty: float) -> np.ndarray:
        return 1.0 / (values.clip(min=0.0) + penalty * size)

    def error(penalty: float) -> float:
        shrink = penalty * size * inverse(penalty)  # residuals are shrunk targets
        residuals_NP = vectors_NN @ (shrink[:, None] * turned_NP)
        # The mean goes with the sample that is left out: 1/N of leverage.
        free_N = (vectors_NN**2) @ shrink - 1.0 / len(values)
        return float(np.mean((residuals_NP / np.maximum(free_N, 1e-9)[:, None]) ** 2))

    best = min(PENALTIES, key=error)
    return Ridge(
        weights_DP=unit_ND.T @ (vectors_NN @ (inverse(best)[:, None] * turned_NP)),
        centre_D=centre,
        scale_D=scale,
        mean_P=mean,
        penalty=best,
    )


@dataclass(frozen=True, kw_only=True)
class RidgeGap(Measured):
    """R2 of a closed-form probe beside the model's; ``measured`` is the difference."""

    ridge_r2: float
    model_r2: float
    penalty: float


def ridge_gap(
    train_inputs: Values,
    train_targets: Values,
    test_inputs: Values,
    test_targets: Values,
    test_outputs: Values,
) -> RidgeGap:
    """How much better a ridge from the pooled inputs does than the trained model, held out.

    Both are scored on the test samples against the constant of the training targets.  A gap above
    the threshold says that the inputs hold what is needed and that the training lost it.

    Raises ValueError where shapes do not fit or the test targets equal the constant.
    """
    outputs_NP, targets_NP = pair(test_outputs, test_targets)
    ridge = fit_ridge(train_inputs, train_targets)
    floor = float(row_losses(np.broadcast_to(ridge.mean_P, targets_NP.shape), targets_NP).mean())
    if floor <= 0.0:
        raise ValueError("the constant answers every test target: nothing can be compared")
    probe = 1.0 - float(row_losses(ridge(test_inputs), targets_NP).mean()) / floor
    model = 1.0 - float(row_losses(outputs_NP, targets_NP).mean()) / floor
    return RidgeGap(
        measured=probe - model,
        unit="R2 of a closed-form ridge - R2 of the model, held out",
        threshold=RIDGE_GAP,
        source="a tenth of the variance, more than folds of a small data set differ by",
        bad_when="above",
        says=f"a closed-form ridge reaches R2 {probe:.3f}, the model {model:.3f}",
        ridge_r2=probe,
        model_r2=model,
        penalty=ridge.penalty,
    )
