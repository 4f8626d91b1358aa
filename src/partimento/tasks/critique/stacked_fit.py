"""Training of the small networks on a clip's statistics, several side by side.

Shape suffixes: E networks, M clips, F statistics, H hidden, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from partimento.nn.threads import one_thread
from partimento.tasks.critique.stacked import StackedNetworks

NETWORKS = 8
HIDDEN = (96, 64)
DROPOUT = (0.2, 0.4, 0.3)
"""Of the statistics, and after each hidden layer."""
NOISE = 0.1
"""Standard deviation of what is added to the standardised statistics while training."""
EPOCHS, BATCH, PEAK_RATE, DECAY = 80, 64, 3e-3, 0.05


class TrainedNetworks(nn.Module):
    """:class:`partimento.tasks.critique.stacked.StackedNetworks` with gradients and dropout."""

    def __init__(
        self, statistics: int, outputs: int, *, networks: int = NETWORKS, seed: int = 0
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        sizes = (statistics, *HIDDEN, outputs)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for layer, (before, after) in enumerate(pairwise(sizes)):
            bound = 0.0 if layer == len(HIDDEN) else before**-0.5
            weight = torch.rand(networks, before, after, generator=generator) * 2 - 1
            self.weights.append(nn.Parameter(weight * bound))
            self.biases.append(nn.Parameter(torch.zeros(networks, 1, after)))

    def forward(self, inputs_EMF: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Outputs (E, M, D); dropout where a ``generator`` is given."""
        h = inputs_EMF
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if generator is not None:
                keep = 1 - DROPOUT[layer]
                h = h * (torch.rand(h.shape, generator=generator) < keep) / keep
            h = torch.baddbmm(bias, h, weight)
            if layer < len(HIDDEN):
                h = nn.functional.gelu(h)
        return h

    def frozen(self) -> StackedNetworks:
        """The networks as arrays."""
        weights, biases = (
            tuple(p.detach().double().numpy() for p in parameters)
            for parameters in (self.weights, self.biases)
        )
        return StackedNetworks(weights, biases)


def train_stacked(
    inputs_NF: np.ndarray,
    targets_ND: np.ndarray,
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    networks: int = NETWORKS,
    progress: Callable[[int, int, str], None] | None = None,
) -> StackedNetworks:
    """Networks fitted with AdamW and a one-cycle schedule; each sees the clips in its own order."""
    with one_thread():
        return _train(inputs_NF, targets_ND, seed, epochs, networks, progress)


def _train(
    inputs_NF: np.ndarray,
    targets_ND: np.ndarray,
    seed: int,
    epochs: int,
    networks: int,
    progress: Callable[[int, int, str], None] | None,
) -> StackedNetworks:
    inputs = torch.tensor(inputs_NF, dtype=torch.float32)
    targets = torch.tensor(targets_ND, dtype=torch.float32)
    model = TrainedNetworks(inputs.shape[1], targets.shape[1], networks=networks, seed=seed)
    with torch.no_grad():
        model.biases[-1].copy_(targets.mean(dim=0).expand_as(model.biases[-1]))
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=DECAY)
    batches = -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=epochs * batches
    )
    generator = torch.Generator().manual_seed(seed + 1)
    for epoch in range(epochs):
        orders = torch.stack(
            [torch.randperm(len(inputs), generator=generator) for _ in range(networks)]
        )
        for own in torch.split(orders, BATCH, dim=1):
            noise = NOISE * torch.randn(*own.shape, inputs.shape[1], generator=generator)
            outputs = model(inputs[own] + noise, generator)
            # The sum over networks: each gets the gradient of its own mean squared error.
            loss = ((outputs - targets[own]) ** 2).mean(dim=(1, 2)).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if progress is not None:
            progress(epoch + 1, epochs, "epochs of the small networks")
    return model.frozen()
