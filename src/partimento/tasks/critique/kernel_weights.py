"""Which statistics matter: the weights of the kernel, learnt from the clips in training.

The objective is the squared error on passages left out (blocks of the inverse, see
:meth:`partimento.tasks.critique.kernel.KernelRidge.left_out`), not the likelihood: with many
performances of one passage the likelihood rewards statistics that recognise the passage.  A
penalty on the logarithms keeps the weights near each other.

Shape suffixes: N clips, F statistics, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.nn.threads import one_thread

STEPS = 30
RATE = 0.15
PENALTY = 0.02
FIRST_NOISE = 0.3


class _WeightedDistance(torch.autograd.Function):
    """Sum over statistics of w_f |x_f - y_f|: (N, N); its gradient one statistic at a time."""

    @staticmethod
    def forward(ctx: Any, inputs_NF: Tensor, weights_F: Tensor) -> Tensor:
        ctx.save_for_backward(inputs_NF, weights_F)
        scaled = inputs_NF * weights_F
        return torch.cdist(scaled, scaled, p=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        inputs_NF, weights_F = ctx.saved_tensors
        found = torch.empty_like(weights_F)
        for f in range(len(weights_F)):
            column = inputs_NF[:, f]
            found[f] = (gradients[0] * (column[:, None] - column[None]).abs()).sum()
        return None, found


def learn_weights(
    inputs_NF: np.ndarray,
    targets_ND: np.ndarray,
    groups_N: np.ndarray,
    *,
    steps: int = STEPS,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[np.ndarray, float]:
    """Weights (F,) and noise for :class:`KernelRidge`, by Adam on the left-out error.

    Deterministic: nothing is drawn.
    """
    with one_thread():
        return _learn(inputs_NF, targets_ND, groups_N, steps, progress)


def _learn(
    inputs_NF: np.ndarray,
    targets_ND: np.ndarray,
    groups_N: np.ndarray,
    steps: int,
    progress: Callable[[int, int, str], None] | None,
) -> tuple[np.ndarray, float]:
    count = inputs_NF.shape[1]
    inputs = torch.tensor(inputs_NF, dtype=torch.float32)
    targets = torch.tensor(targets_ND - targets_ND.mean(axis=0), dtype=torch.float64)
    scale = targets.std(dim=0).clamp_min(1e-6)
    blocks = [torch.from_numpy(np.flatnonzero(groups_N == g)) for g in np.unique(groups_N)]
    each = torch.zeros(count, requires_grad=True)
    common = torch.zeros((), requires_grad=True)
    noise = torch.tensor(np.log(FIRST_NOISE), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([each, common, noise], RATE)
    eye = torch.eye(len(inputs), dtype=torch.float64)
    for step in range(steps):
        weights = torch.exp(each + common) / count
        distances: Tensor = _WeightedDistance.apply(inputs, weights)  # type: ignore[no-untyped-call]
        kernel = torch.exp(-distances.double())
        inverse = torch.linalg.inv(kernel + torch.exp(noise) * eye)
        answer = inverse @ targets
        errors = [torch.linalg.solve(inverse[own][:, own], answer[own]) for own in blocks]
        error = ((torch.cat(errors) / scale) ** 2).mean()
        loss = error + PENALTY * (each**2).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if progress is not None:
            progress(step + 1, steps, "steps on the kernel's weights")
    weights = (torch.exp(each + common) / count).detach().double().numpy()
    return weights, float(torch.exp(noise.detach()))
