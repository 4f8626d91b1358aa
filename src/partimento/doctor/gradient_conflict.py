"""Do the gradients of classes work against each other?  With what arithmetic alone gives.   (R4)

The mean cosine of K vectors is at least -1/(K-1), and exactly that where their unit vectors cancel.
Gradients of balanced classes cancel at every stationary point, above all where the mean is
predicted.  A mean near -1/(K-1) is thus a sign that the run stands still, never the reason.

Shape suffixes: N samples, K classes, W trained weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.finding import Measured

HARMED_SHARE = 0.25
NEAR_NULL = 0.5
"""Share of the way from 0 to the null from which a mean cosine counts as forced."""

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class GradientConflict(Measured):
    """Gradients of classes; ``measured`` is the share that a common step harms, beyond chance."""

    classes: int
    mean_cosine: float
    """Of two different classes' gradients."""
    null: float
    """-1 / (K - 1): the least that a mean cosine can be, and its value where they cancel."""
    shuffled_cosine: float
    """Mean cosine under shuffled labels, mean of the shuffles."""
    shuffled_sd: float
    harmed: float
    """Share of the classes whose gradient points against the sum of all."""
    shuffled_harmed: float
    cancellation: float
    """Norm of the summed gradient / sum of the norms: 0 where the gradients cancel."""
    shuffled_cancellation: float
    forced: bool
    """True where the mean cosine is near its null: a stationary point, a symptom."""
    cosine_KK: np.ndarray = field(repr=False)


def class_gradients(
    model: nn.Module, inputs: Tensor, targets: Tensor, labels: np.ndarray, loss: Loss
) -> np.ndarray:
    """(K, W) float64: gradient of each class's mean loss by all trained weights, sorted labels.

    In evaluation mode, so dropout and batch statistics add nothing; the mode is put back.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    training, rows = model.training, []
    model.eval()
    try:
        for name in np.unique(labels):
            chosen = torch.from_numpy(np.flatnonzero(labels == name)).to(inputs.device)
            value = loss(model(inputs[chosen]), targets[chosen])
            parts = torch.autograd.grad(value, weights, allow_unused=True)
            flat = [
                torch.zeros_like(w) if g is None else g for w, g in zip(weights, parts, strict=True)
            ]
            rows.append(torch.cat([one.double().reshape(-1) for one in flat]).cpu().numpy())
    finally:
        model.train(training)
    return np.stack(rows)


def gradient_conflict(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    labels: np.ndarray,
    rng: np.random.Generator,
    *,
    loss: Loss = nn.functional.mse_loss,
    shuffles: int = 5,
) -> GradientConflict:
    """Cosines between classes' gradients, with their null and the same under shuffled labels.

    inputs, targets: (N, ...); labels: (N,).  A conflict worth the name is a class whose loss rises
    when all take one step together.  At a stationary point half of any groups look so by chance,
    which the shuffled labels show; their share is taken off.

    Raises ValueError unless there are two classes and a label for each input.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(inputs),) or len(np.unique(labels)) < 2:
        raise ValueError("a conflict needs a label for each input, and two classes")
    real_KW = class_gradients(model, inputs, targets, labels, loss)
    cosine_KK, *own = gradient_statistics(real_KW)
    chance = np.array(
        [
            gradient_statistics(
                class_gradients(model, inputs, targets, rng.permutation(labels), loss)
            )[1:]
            for _ in range(shuffles)
        ]
    )
    return conflict_from(cosine_KK, np.array(own), chance)


def gradient_statistics(gradients_KW: np.ndarray) -> tuple[np.ndarray, float, float, float]:
    """Cosine matrix, mean off its diagonal, share harmed by the sum, cancellation."""
    return gram_statistics(gradients_KW @ gradients_KW.T)


def gram_statistics(gram_KK: np.ndarray) -> tuple[np.ndarray, float, float, float]:
    """The same from the products of each gradient with each."""
    norm = np.sqrt(np.maximum(np.diag(gram_KK), 0.0))
    safe = np.maximum(norm, 1e-30)
    cosine_KK = gram_KK / np.outer(safe, safe)
    k, total = len(norm), float(np.sqrt(max(float(gram_KK.sum()), 0.0)))
    mean = float((cosine_KK.sum() - np.trace(cosine_KK)) / (k * (k - 1)))
    harmed = float((gram_KK.sum(1) < 0.0).mean())
    return cosine_KK, mean, harmed, total / max(float(norm.sum()), 1e-30)


def conflict_from(cosine_KK: np.ndarray, own: np.ndarray, chance: np.ndarray) -> GradientConflict:
    """The measured conflict from statistics (without the matrix) of real and of shuffled labels.

    own: (3,); chance: (shuffles, 3).
    """
    k = len(cosine_KK)
    null = -1.0 / (k - 1)
    cosine, harmed, cancellation = (float(v) for v in own)
    shuffled, shuffled_harmed, shuffled_cancellation = (float(v) for v in chance.mean(0))
    forced = cosine <= NEAR_NULL * null
    meaning = (
        "forced where gradients cancel, as they do at any stationary point"
        if forced
        else "away from what cancelling gradients give"
    )
    return GradientConflict(
        measured=harmed - shuffled_harmed,
        unit="share of classes that a common step harms, beyond shuffled labels",
        threshold=HARMED_SHARE,
        source="a quarter of the classes",
        bad_when="above",
        says=f"the mean cosine of class gradients is {cosine:+.3f}, with {null:+.3f} as the least"
        f" possible ({meaning}) and {shuffled:+.3f} under shuffled labels; a common step harms"
        f" {harmed:.0%} of the classes ({shuffled_harmed:.0%} under shuffled labels)",
        classes=k,
        mean_cosine=cosine,
        null=null,
        shuffled_cosine=shuffled,
        shuffled_sd=float(chance[:, 0].std(ddof=1)) if len(chance) > 1 else 0.0,
        harmed=harmed,
        shuffled_harmed=shuffled_harmed,
        cancellation=cancellation,
        shuffled_cancellation=shuffled_cancellation,
        forced=forced,
        cosine_KK=cosine_KK,
    )
