"""Do probabilities mean what they say?  Expected calibration error with its chance level.   (R12)

Guo et al., "On calibration of modern neural networks" (2017), with bins of equal counts; what
a perfectly calibrated model would show on as many predictions is taken off.

Shape suffixes: N predictions, D classes, E examples, K bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 15
RESAMPLES = 300
SIMULATIONS = 50
TEMPERATURES = tuple(float(v) for v in np.geomspace(0.1, 10.0, 81))


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Confidence beside accuracy of the likeliest answers."""

    error: float
    """Expected calibration error."""
    chance: float
    """What a calibrated model with these probabilities shows on as many predictions."""
    low: float
    """Lower end of the 95 % interval of the error, at most ``error - chance``."""
    confidence: float
    """Mean probability of the likeliest answer."""
    accuracy: float
    gap_low: float
    """95 % interval of ``confidence - accuracy``."""
    gap_high: float
    temperature: float
    """What logits should be divided by, by the likelihood on every second example."""
    error_after: float
    """Calibration error of the other examples with that temperature."""
    predictions: int
    bins: list[dict[str, Any]]

    @property
    def gap(self) -> float:
        """Mean confidence - accuracy."""
        return self.confidence - self.accuracy


def calibration(
    logits_ND: np.ndarray, targets_N: np.ndarray, example_N: np.ndarray, rng: np.random.Generator
) -> Calibration:
    """Calibration of the likeliest answer.

    logits: (N, D), D at least 2; targets: (N,) class numbers; examples: (N,), the unit of the
    bootstrap, since predictions of one sequence are not independent.

    Raises ValueError for fewer than two classes, predictions of fewer than two examples, or a
    target that is no class.
    """
    if logits_ND.ndim != 2 or logits_ND.shape[1] < 2 or len(np.unique(example_N)) < 2:
        raise ValueError("calibration needs two classes and two examples")
    if targets_N.min() < 0 or targets_N.max() >= logits_ND.shape[1]:
        raise ValueError("a target is no class of the outputs")
    sure_N, right_N = _likeliest(logits_ND, targets_N)
    chance = _chance(sure_N, rng)
    errors, gaps = _resampled(sure_N, right_N, example_N, rng)
    error = _error(sure_N, right_N)
    # Sums of absolute values grow with noise, and resampling adds noise once more: the basic
    # bootstrap (Davison & Hinkley 1997, section 2.4) turns that bias round.
    low = 2.0 * error - float(np.quantile(errors, 0.975))
    temperature, after = _tempered(logits_ND, targets_N, example_N)
    return Calibration(
        error=error,
        chance=chance,
        low=min(low, error - chance),
        confidence=float(sure_N.mean()),
        accuracy=float(right_N.mean()),
        gap_low=float(np.quantile(gaps, 0.025)),
        gap_high=float(np.quantile(gaps, 0.975)),
        temperature=temperature,
        error_after=after,
        predictions=len(sure_N),
        bins=_bins(sure_N, right_N),
    )


def _likeliest(logits_ND: np.ndarray, targets_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability (N,) of the likeliest answer, and whether it came true (N,) as 0 or 1."""
    shifted = logits_ND - logits_ND.max(1, keepdims=True)
    sure_N = 1.0 / np.exp(shifted).sum(1)
    return sure_N, (logits_ND.argmax(1) == targets_N).astype(np.float64)


def _places(sure_N: np.ndarray) -> np.ndarray:
    """Bin (N,) of each prediction: equal counts, in order of confidence."""
    rank = np.empty(len(sure_N), dtype=np.int64)
    rank[np.argsort(sure_N, kind="stable")] = np.arange(len(sure_N))
    return np.asarray(rank * BINS // len(sure_N))


def _error(sure_N: np.ndarray, right_N: np.ndarray) -> float:
    sums = np.bincount(_places(sure_N), sure_N - right_N, BINS)
    return float(np.abs(sums).sum() / len(sure_N))


def _chance(sure_N: np.ndarray, rng: np.random.Generator) -> float:
    """Mean error of outcomes drawn with the probabilities that were given."""
    place_N = _places(sure_N)
    total = 0.0
    for _ in range(SIMULATIONS):
        drawn = (rng.random(len(sure_N)) < sure_N).astype(np.float64)
        total += float(np.abs(np.bincount(place_N, sure_N - drawn, BINS)).sum()) / len(sure_N)
    return total / SIMULATIONS


def _resampled(
    sure_N: np.ndarray, right_N: np.ndarray, example_N: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Errors and gaps under resampled examples; the bins stay those of all predictions."""
    names, owner_N = np.unique(example_N, return_inverse=True)
    cell_N = owner_N * BINS + _places(sure_N)
    size = len(names) * BINS
    sums = np.bincount(cell_N, sure_N - right_N, size).reshape(len(names), BINS)
    counts = np.bincount(cell_N, minlength=size).reshape(len(names), BINS)
    picks = rng.integers(0, len(names), (RESAMPLES, len(names)))
    drawn, many = sums[picks].sum(1), counts[picks].sum((1, 2))
    return np.abs(drawn).sum(1) / many, drawn.sum(1) / many


def _tempered(
    logits_ND: np.ndarray, targets_N: np.ndarray, example_N: np.ndarray
) -> tuple[float, float]:
    """Best temperature on every second example, and the error of the others with it."""
    owner_N = np.unique(example_N, return_inverse=True)[1]
    fitted = owner_N % 2 == 0
    picked_ND, picked_N = logits_ND[fitted][:4000], targets_N[fitted][:4000]

    def loss(temperature: float) -> float:
        scaled = picked_ND / temperature
        top = scaled.max(1)
        total = np.log(np.exp(scaled - top[:, None]).sum(1)) + top
        return float((total - scaled[np.arange(len(scaled)), picked_N]).mean())

    best = min(TEMPERATURES, key=loss)
    return best, _error(*_likeliest(logits_ND[~fitted] / best, targets_N[~fitted]))


def _bins(sure_N: np.ndarray, right_N: np.ndarray) -> list[dict[str, Any]]:
    """Mean confidence, accuracy and count of each bin that holds something."""
    place_N = _places(sure_N)
    counts = np.bincount(place_N, minlength=BINS)
    sure, right = np.bincount(place_N, sure_N, BINS), np.bincount(place_N, right_N, BINS)
    return [
        {"confidence": float(sure[k] / n), "accuracy": float(right[k] / n), "count": int(n)}
        for k, n in enumerate(counts)
        if n
    ]
