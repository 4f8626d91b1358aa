"""What batches do: their mix of classes, the running loss they show, and what a sample owes them.

(M2, M6 and R10 of the doctor's rows.)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.finding import Measured

ENTROPY_FLOOR = 0.5
RUNNING_GAP = 0.2
BATCH_TOLERANCE = 1e-4
SIZES = (1, 2, 8, 16, 32)


@dataclass(frozen=True, kw_only=True)
class BatchEntropy(Measured):
    """Mix of classes inside batches; ``measured`` is relative to shuffled batches."""

    nats: float
    """Mean entropy of the classes in a batch."""
    shuffled_nats: float
    """The same with labels shuffled between the batches: what chance gives."""
    pure: float
    """Share of the batches of two samples or more that hold one class only."""
    shuffled_pure: float


def batch_entropy(
    batches: Sequence[Sequence[int]], rng: np.random.Generator, *, shuffles: int = 20
) -> BatchEntropy:
    """Whether batches hold one class each.

    ``batches``: the labels of each batch of an epoch, in order.  ``measured`` = entropy / entropy
    under shuffled labels; 1 where chance gives none either (batch 1, or one class in all).

    Raises ValueError for no batches or an empty one.
    """
    if not batches or not all(len(batch) for batch in batches):
        raise ValueError("there is at least one batch, and none is empty")
    edges = np.cumsum([len(batch) for batch in batches])[:-1]
    flat = np.concatenate([np.asarray(batch, dtype=np.int64) for batch in batches])
    nats, pure = _mix(np.split(flat, edges))
    drawn = np.array([_mix(np.split(rng.permutation(flat), edges)) for _ in range(shuffles)])
    chance, chance_pure = (float(v) for v in drawn.mean(0))
    ratio = nats / chance if chance > 1e-9 else 1.0
    return BatchEntropy(
        measured=ratio,
        unit="entropy of classes in a batch / in a shuffled one",
        threshold=ENTROPY_FLOOR,
        source="half of what shuffling gives",
        bad_when="below",
        says=f"batches hold {nats:.2f} nats of classes, shuffled ones {chance:.2f};"
        f" {pure:.0%} are of one class ({chance_pure:.0%} by chance)",
        nats=nats,
        shuffled_nats=chance,
        pure=pure,
        shuffled_pure=chance_pure,
    )


def _mix(batches: Sequence[np.ndarray]) -> tuple[float, float]:
    nats, pure, several = 0.0, 0, 0
    for labels in batches:
        counts = np.unique(labels, return_counts=True)[1]
        share = counts / counts.sum()
        nats -= float((share * np.log(share)).sum())
        several += len(labels) > 1
        pure += len(labels) > 1 and len(counts) == 1
    return nats / len(batches), pure / max(several, 1)


@dataclass(frozen=True, kw_only=True)
class RunningLoss(Measured):
    """The loss that a run prints beside that of the same weights on everything."""

    running: float
    true: float
    constant: float | None
    """Loss of a constant answer; None where it was not given."""


def running_against_true(
    running: float, true: float, *, constant: float | None = None
) -> RunningLoss:
    """Whether the printed training loss flatters: ``measured`` = (true - running) / true.

    ``running``: mean of the training losses of an epoch, each before its step.  ``true``: loss of
    the final weights in evaluation mode over the whole set (:func:`evaluation_loss`).  Weights that
    follow the batch's class make the first fall without the second.

    Raises ValueError unless the losses are positive.
    """
    if not (running > 0.0 and true > 0.0):
        raise ValueError("losses are positive")
    gap = (true - running) / true
    beside = "" if constant is None else f", {constant:.4g} for a constant"
    return RunningLoss(
        measured=gap,
        unit="(true loss - running loss) / true loss",
        threshold=RUNNING_GAP,
        source="shuffled batches stay within it once the loss is flat",
        bad_when="above",
        says=f"the run prints {running:.4g}; the same weights make {true:.4g} on the whole"
        f" set{beside}",
        running=running,
        true=true,
        constant=constant,
    )


def evaluation_loss(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.mse_loss,
    *,
    batch: int = 64,
) -> float:
    """Mean loss over all samples (N, ...) in evaluation mode; the model's mode is put back."""
    if not len(inputs):
        raise ValueError("there are no samples")
    training, total = model.training, 0.0
    model.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(inputs), batch):
                here = slice(start, start + batch)
                size = len(inputs[here])
                total += float(loss(model(inputs[here]), targets[here])) * size
    finally:
        model.train(training)
    return total / len(inputs)


@dataclass(frozen=True, kw_only=True)
class BatchDependence(Measured):
    """How far a sample's output moves with its companions."""

    training: bool
    alone_fails: bool
    """True where the model raised an error for a batch of one."""
    by_size: dict[int, float]
    """Batch size -> largest absolute difference from the sample alone (or in the first batch)."""
    scale: float
    """Standard deviation of the outputs, for comparison."""


def batch_dependence(
    model: nn.Module,
    inputs: Tensor,
    *,
    sizes: Sequence[int] = SIZES,
    training: bool = False,
    samples: int = 4,
) -> BatchDependence:
    """Largest change of a sample's output between itself alone and inside batches.

    inputs: (N, ...), at least as many as the largest size; the first ``samples`` are followed, each
    placed first among companions of its own.  ``training`` measures the model as it trains, with
    dropout off (batch statistics show only there).  The model itself is not touched.  ``measured``
    is relative to the standard deviation of the outputs; matrix products of other sizes round
    differently, by about 1e-7.

    Raises ValueError where there are too few inputs.
    """
    if max(sizes) < 2 or len(inputs) < max(sizes) or samples < 1:
        raise ValueError("a size above 1, inputs for it, and a sample to follow are needed")
    twin = copy.deepcopy(model).train(training)
    for module in twin.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    found: dict[int, list[Tensor]] = {size: [] for size in sizes}
    alone_fails, outputs = False, []
    with torch.no_grad():
        for first in range(min(samples, len(inputs))):
            turned = inputs.roll(-first, 0)
            for size in sizes:
                try:
                    output = twin(turned[:size])
                except ValueError:  # as batch normalisation does for one sample
                    if size != 1:
                        raise
                    alone_fails = True
                    continue
                found[size].append(output[0].double())
                outputs.append(output[0].double())
    followed = {size: torch.stack(values) for size, values in found.items() if values}
    return _dependence(followed, outputs, training, alone_fails)


def _dependence(
    followed: dict[int, Tensor], outputs: list[Tensor], training: bool, alone_fails: bool
) -> BatchDependence:
    reference = next(iter(followed.values()))
    by_size = {size: float((v - reference).abs().max()) for size, v in followed.items()}
    scale = max(float(torch.stack(outputs).std()), 1e-12)
    largest = max(by_size.values())
    mode = "training" if training else "evaluation"
    alone = "; a batch of one raises an error" if alone_fails else ""
    return BatchDependence(
        measured=largest / scale,
        unit="largest difference between batches / standard deviation of outputs",
        threshold=BATCH_TOLERANCE,
        source="a thousand times the rounding of float32",
        bad_when="above",
        says=f"in {mode} mode a sample's output moves by up to {largest:.3g} with its companions"
        f" (outputs have standard deviation {scale:.3g}){alone}",
        training=training,
        alone_fails=alone_fails,
        by_size=by_size,
        scale=scale,
    )
