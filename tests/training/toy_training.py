"""A small training problem for the trainer's tests; run as a script it trains until it is killed.

Usage: ``python toy_training.py RUN_FOLDER KILL_AT_BATCH``.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from partimento.core.runs import RunFolder
from partimento.training.config import TrainingConfig
from partimento.training.task import LossOutput

CONFIG = TrainingConfig.model_validate(
    {
        "seed": 3,
        "max_epochs": 6,
        "patience": 0,
        "accumulate": 2,
        "checkpoint_every": 4,
        "log_every": 1,
        "ema": 0.9,
        "optimizer": {"lr": 1e-2, "decay_all": False},
        "schedule": {"kind": "cosine", "warmup_steps": 3, "total_steps": 50},
        "curriculum": {"start": 4, "floor": 2, "grow_epochs": 2, "plateau_epochs": 2},
    }
)


class ToyTask:
    """Learn to recognise the larger half of a noisy vector, with dropout in the network."""

    monitor = "valid_loss"
    full_length = 8

    def __init__(self, seed: int = 0, kill_at: int = -1, signal_number: int = 0) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model = nn.Sequential(
                nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Dropout(0.3), nn.Linear(16, 1)
            )
        self.kill_at, self.signal_number = kill_at, signal_number
        self.lengths_seen: dict[int, int] = {}
        self.spoil = False

    def batches(self, epoch: int, length: int) -> int:
        return 11

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> Any:
        self.lengths_seen[epoch] = length
        if 11 * epoch + index + 1 == self.kill_at:
            self.kill_at = -1
            os.kill(os.getpid(), self.signal_number)
        return torch.from_numpy(self._draw(rng, length))

    def _draw(self, rng: np.random.Generator, length: int) -> np.ndarray:
        x = rng.standard_normal((6, 8)).astype(np.float32)
        x[:, length:] = 0
        return x

    def _loss(self, x: Tensor) -> Tensor:
        target = (x[:, :4].sum(1) > x[:, 4:].sum(1)).float()
        return nn.functional.binary_cross_entropy_with_logits(self.model(x)[:, 0], target)

    def training_loss(self, batch: Tensor) -> LossOutput:
        loss = self._loss(batch)
        return LossOutput(loss * float("nan") if self.spoil else loss, {"rows": float(len(batch))})

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        self.model.eval()
        x = torch.from_numpy(self._draw(np.random.default_rng(99), 8))
        return {"valid_loss": float(self._loss(x))}

    def optimizers(self) -> list[torch.optim.Optimizer]:
        matrices = [p for p in self.model.parameters() if p.ndim == 2]
        vectors = [p for p in self.model.parameters() if p.ndim < 2]
        return [
            torch.optim.Muon(matrices, lr=1e-2, weight_decay=0.01),
            torch.optim.AdamW(vectors, lr=1e-3),
        ]

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        save_file({k: v.clone() for k, v in self.model.state_dict().items()}, path)


def main() -> None:
    """Train in a new run folder until batch KILL_AT_BATCH of the run is drawn."""
    from partimento.training.trainer import fit

    task = ToyTask(kill_at=int(sys.argv[2]), signal_number=signal.SIGKILL)
    fit(task, CONFIG, RunFolder.create(sys.argv[1], CONFIG, "toy"), progress=False)


if __name__ == "__main__":
    signal.alarm(120)
    main()
