"""What watching costs: the time of a training step with the monitor over that without, in one run.

Usage: ``python benchmarks/doctor_overhead.py [--every 50] [--rounds 7]``.  Blocks of steps with and
without the monitor alternate, so that a machine that is busy with other things slows both alike;
the ratio is the median over pairs of neighbouring blocks, with its quartiles.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from partimento.doctor.monitor import Monitor


class Decoder(nn.Module):
    """A transformer of the size that the slices train."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.table = nn.Embedding(128, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 4 * width, 0.1, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.out = nn.Linear(width, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T) tokens -> (B, T, 128) logits."""
        hidden = self.table(x)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.out(hidden)


def stepper(model: nn.Module, batch: torch.Tensor, device: str) -> Callable[[Monitor, int], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    batch = batch.to(device)

    def step(monitor: Monitor, number: int) -> None:
        monitor.before_step(number)
        logits = model(batch)
        loss = nn.functional.cross_entropy(logits.reshape(-1, 128), batch.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        monitor.after_backward(loss, optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        monitor.after_step()

    return step


def measure(
    width: int, layers: int, size: tuple[int, int], every: int, rounds: int, device: str
) -> dict[str, float]:
    torch.manual_seed(0)
    model = Decoder(width, layers).to(device)
    step = stepper(model, torch.randint(0, 128, size), device)
    seconds: dict[str, list[float]] = {"off": [], "on": [], "one": []}
    settings = {"off": (0, every), "on": (every, every), "one": (1, max(10, every // 5))}
    for turn in range(rounds + 1):
        for name, (frequency, count) in settings.items():
            monitor = Monitor(model, every=frequency)
            _wait(device)
            start = time.perf_counter()
            for number in range(count):
                step(monitor, number)
            _wait(device)
            if turn:  # the first round warms up
                seconds[name].append((time.perf_counter() - start) / count)
    off, on, one = (np.array(seconds[name]) for name in ("off", "on", "one"))
    low, middle, high = np.quantile(on / off, (0.25, 0.5, 0.75)) - 1.0
    return {
        "parameters": float(sum(p.numel() for p in model.parameters())),
        "step_ms": float(np.median(off) * 1e3),
        "recorded_step_ratio": float(np.median(one / off)),
        "overhead": float(middle),
        "overhead_low": float(low),
        "overhead_high": float(high),
        # What the recorded step alone costs, spread over the steps: less noisy than the difference.
        "overhead_from_recorded_steps": float((np.median(one / off) - 1.0) / every),
    }


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    sizes = {"small": (64, 2, (8, 32)), "medium": (128, 4, (8, 64))}
    report = {
        name: measure(width, layers, size, given.every, given.rounds, given.device)
        for name, (width, layers, size) in sizes.items()
    }
    print(json.dumps({"every": given.every, "device": given.device, **report}, indent=2))


if __name__ == "__main__":
    main()
