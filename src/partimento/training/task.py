"""What the trainer asks of a task.  A task knows its data, its loss and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class LossOutput:
    """The loss to minimise and the parts of it that are logged (plain numbers or scalars)."""

    loss: Tensor
    logs: Mapping[str, float | Tensor] = field(default_factory=dict)


@runtime_checkable
class Task(Protocol):
    """One training problem.

    Everything random comes from the ``rng`` handed in, which depends on nothing but the seed and
    the place in the training, so that a resumed run meets the same batches.
    """

    @property
    def model(self) -> nn.Module:
        """The network; the trainer moves it to the device."""
        ...

    monitor: str
    """The validation metric that stopping, curriculum and "best" look at; lower is better."""

    full_length: int
    """The sequence length at the end of the curriculum, in the task's own steps."""

    def batches(self, epoch: int, length: int) -> int:
        """Number of batches in this epoch at this training length."""
        ...

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> Any:
        """Batch ``index`` of the epoch: tensors, or a dict, list or tuple of them."""
        ...

    def training_loss(self, batch: Any) -> LossOutput:
        """Loss of one batch with ``self.model`` in training mode."""
        ...

    def validate(self) -> dict[str, float]:
        """Validation metrics of ``self.model`` as it stands (evaluation mode, no gradients).

        Always at the full length; nothing random.  Contains :attr:`monitor`.
        """
        ...

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimisers; the ``lr`` of every group is its peak rate."""
        ...

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """Write the present weights as one ``.safetensors`` file with its metadata."""
        ...
