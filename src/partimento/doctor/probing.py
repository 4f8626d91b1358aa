"""Ask a live model questions and leave no trace: outputs, and how far apart they are.

Shape suffixes: B examples, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Probe

ROUNDING = 1e-5
"""Largest relative difference of float32 results that ought to be the same numbers."""
RESIZED = 1e-4
"""The same where the shapes differ too, so that products are summed in another order."""


@contextmanager
def undisturbed(
    model: nn.Module, *, training: bool = False, gradients: bool = False
) -> Iterator[None]:
    """Evaluation (or training) mode without gradients; afterwards everything is as it was.

    Modes of every module, buffers, gradients and the random states of torch and numpy come back bit
    by bit.  With ``gradients`` they are recorded, from none on.
    """
    kept = [parameter.grad for parameter in model.parameters()]
    modes = {module: module.training for module in model.modules()}
    buffers = [
        (module, name, value, None if value is None else value.clone())
        for module in model.modules()
        for name, value in module._buffers.items()
    ]
    own_rng = np.random.get_state()
    try:
        with torch.random.fork_rng(), torch.set_grad_enabled(gradients):
            model.train(training)
            if gradients:
                model.zero_grad(set_to_none=True)
            yield
    finally:
        for parameter, gradient in zip(model.parameters(), kept, strict=True):
            parameter.grad = gradient
        np.random.set_state(own_rng)
        for module, mode in modes.items():
            module.training = mode
        for module, name, value, copy in buffers:
            if value is not None and copy is not None:
                with torch.no_grad():
                    value.copy_(copy)
            module._buffers[name] = value


def answer(probe: Probe, batch: Any) -> Tensor:
    """Outputs in evaluation mode, as float64 on the processor."""
    with undisturbed(probe.model):
        return probe.outputs(probe.model, batch).detach().double().cpu()


def example_losses(probe: Probe, batch: Any) -> np.ndarray:
    """(B,) losses of the examples in evaluation mode.

    Raises ValueError for a probe that cannot tell them.
    """
    if probe.example_losses is None:
        raise ValueError("this probe has no losses of single examples")
    with undisturbed(probe.model):
        losses: np.ndarray = (
            probe.example_losses(probe.model, batch).detach().double().cpu().numpy()
        )
    return losses


def real_places(probe: Probe, batch: Any, outputs: Tensor) -> Tensor:
    """Bool (B, ...) over the leading axes of the outputs: where they mean something."""
    if probe.mask is None:
        return torch.ones(outputs.shape[:1], dtype=torch.bool)
    mask = probe.mask(batch).detach().cpu().bool()
    # A mask over the numbers of a target covers as many leading axes as fit.
    axes = 0
    while axes < min(mask.ndim, outputs.ndim) and mask.shape[axes] == outputs.shape[axes]:
        axes += 1
    while mask.ndim > max(axes, 1):
        mask = mask.any(-1)
    return mask


def spread(outputs: Tensor, where: Tensor | None = None) -> float:
    """Standard deviation of the outputs over everything but their last axis, root mean square.

    Where the outputs hardly differ from place to place it is their size that counts: a thousandth
    of the root mean square.
    """
    rows = outputs[where] if where is not None else outputs
    rows = rows.reshape(-1, rows.shape[-1]) if rows.ndim > 1 else rows.reshape(-1, 1)
    rows = torch.where(rows.isfinite(), rows, torch.zeros(()).double())
    deviation = float((rows - rows.mean(0)).square().mean().sqrt()) if len(rows) > 1 else 0.0
    return max(deviation, 1e-3 * float(rows.square().mean().sqrt()), 1e-12)


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Absolute differences; 0 where both are the same infinity, infinite where only one is."""
    same = (a == b) | (a.isnan() & b.isnan())
    apart = torch.where(same, torch.zeros(()).double(), (a - b).abs())
    return torch.where(apart.isnan(), torch.full((), torch.inf).double(), apart)


def root_mean_square(values: Tensor) -> float:
    """Of all numbers; 0 for none."""
    return float(values.square().mean().sqrt()) if values.numel() else 0.0


def same_batch(a: Any, b: Any) -> bool:
    """Whether two batches hold the same tensors, arrays and numbers."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and bool((difference(a.double(), b.double()) == 0).all())
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_batch(a[key], b[key]) for key in a)
    if is_dataclass(a) and type(a) is type(b):
        return all(same_batch(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        return len(a) == len(b) and all(same_batch(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def bootstrap(
    values_N: np.ndarray,
    rng: np.random.Generator,
    statistic: Callable[..., np.ndarray] | None = None,
) -> tuple[float, float]:
    """95 % interval of the mean of N numbers, by resampling them 2000 times."""
    picks = rng.integers(0, len(values_N), (2000, len(values_N)))
    drawn = values_N[picks].mean(1) if statistic is None else statistic(picks)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
