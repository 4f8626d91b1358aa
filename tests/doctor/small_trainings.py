"""Small trainings for the doctor's tests: healthy ones, and the same with one thing wrong."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import nn

from partimento.doctor.case import Case, Probe
from partimento.doctor.monitor import Monitor


class Language(nn.Module):
    """A small causal transformer over 12 tokens."""

    def __init__(self, width=32):
        super().__init__()
        self.table = nn.Embedding(12, width)
        self.places = nn.Parameter(0.02 * torch.randn(16, width))
        layer = nn.TransformerEncoderLayer(width, 4, 48, 0.1, batch_first=True, norm_first=True)
        self.layers = nn.ModuleList([layer, copy.deepcopy(layer)])
        self.out = nn.Linear(width, 12)

    def forward(self, x):
        steps = x.shape[1]
        hidden = self.table(x) + self.places[:steps]
        mask = nn.Transformer.generate_square_subsequent_mask(steps)
        for layer in self.layers:
            hidden = layer(hidden, src_mask=mask, is_causal=True)
        return self.out(hidden)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.core = nn.GRU(6, 24, batch_first=True)
        self.head = nn.Sequential(nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 3))

    def forward(self, x):
        return self.head(self.core(x)[0][:, -1])


def convolution():
    return nn.Sequential(
        nn.Conv1d(4, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1),
        nn.Conv1d(16, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * 10, 5),
    )  # fmt: skip


def deep(activation, layers=10, scale=1.0, bias=None):
    """A plain stack from 6 numbers to 3."""
    parts = [nn.Flatten(), nn.Linear(60, 32)]
    for _ in range(layers):
        parts += [activation(), nn.Linear(32, 32)]
    model = nn.Sequential(*parts, activation(), nn.Linear(32, 3))
    for part in model:
        if isinstance(part, nn.Linear):
            part.weight.data *= scale
            if bias is not None:
                part.bias.data.fill_(bias)
    return model


def problem(kind, seed):
    """A network and a function that draws examples."""
    rng = np.random.default_rng(seed)
    if kind == "tokens":
        follow = rng.dirichlet(np.full(12, 0.15), 12)

        def draw(count, rng):
            rows = np.zeros((count, 13), dtype=np.int64)
            rows[:, 0] = rng.integers(0, 12, count)
            for step in range(12):
                rows[:, step + 1] = [rng.choice(12, p=follow[one]) for one in rows[:, step]]
            return torch.from_numpy(rows[:, :-1]), torch.from_numpy(rows[:, 1:])

        return Language(), draw
    if kind == "classification":
        shapes = rng.standard_normal((5, 4, 10))

        def draw(count, rng):
            labels = rng.integers(0, 5, count)
            noisy = shapes[labels] + 0.8 * rng.standard_normal((count, 4, 10))
            return torch.from_numpy(noisy).float(), torch.from_numpy(labels)

        return convolution(), draw
    weights = rng.standard_normal((6, 3))

    def draw(count, rng):
        x = rng.standard_normal((count, 10, 6))
        y = np.tanh(2.0 * x[:, -3:].mean(1) @ weights) + 0.2 * rng.standard_normal((count, 3))
        return torch.from_numpy(x).float(), torch.from_numpy(y).float()

    return Recurrent(), draw


def loss_of(kind):
    def loss(outputs, targets):
        if kind == "regression":
            return nn.functional.mse_loss(outputs, targets)
        return nn.functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), targets.ravel())

    return loss


def train(kind, seed=100, *, lr=3e-3, steps=200, examples=512, model=None, every=10, batch=16,
          sgd=False, watch=True, spoil=None):  # fmt: skip
    """A case as a finished run leaves it.  ``spoil`` (step, batch) changes what is trained on."""
    torch.manual_seed(seed)
    network, draw = problem(kind, seed)
    if model is not None:
        network = model()
    rng, loss = np.random.default_rng(seed + 1), loss_of(kind)
    inputs, targets = draw(examples, rng)
    held_inputs, held_targets = draw(64, rng)
    start = copy.deepcopy(network)
    kinds = (torch.optim.SGD, {"momentum": 0.9}) if sgd else (torch.optim.AdamW, {})
    optimizer = kinds[0](network.parameters(), lr=lr, **kinds[1])
    monitor, rows = Monitor(network, every=every if watch else 0), []

    def validate(step):
        network.eval()
        with torch.no_grad():
            value = float(loss(network(held_inputs), held_targets))
        network.train()
        rows.append({"kind": "validation", "step": step, "valid_loss": value})

    validate(0)
    for step in range(steps):
        chosen = torch.from_numpy(rng.integers(0, examples, batch))
        x, y = inputs[chosen], targets[chosen]
        if spoil is not None:
            x, y = spoil(step, x, y)
        monitor.before_step(step)
        value = loss(network(x), y)
        optimizer.zero_grad()
        value.backward()
        monitor.after_backward(value, optimizer, targets=y if kind == "regression" else None)
        norm = float(nn.utils.clip_grad_norm_(network.parameters(), 1.0))
        optimizer.step()
        monitor.after_step()
        number = float(value.detach())
        if step % 5 == 0 or not math.isfinite(number):
            rate = {"lr": lr, "gradient_norm": norm, "length": 1}
            rows.append({"kind": "train", "step": step + 1, "loss": number, **rate})
        if not math.isfinite(number):
            break
        if (step + 1) % 20 == 0:
            validate(step + 1)
    network.eval()
    batches = [(held_inputs[i : i + 16], held_targets[i : i + 16]) for i in range(0, 64, 16)]

    def probe(one):
        return Probe(
            model=one,
            batches=batches,
            outputs=lambda m, b: m(b[0]),
            targets=lambda b: b[1],
            loss=lambda m, b: loss(m(b[0]), b[1]),
        )

    return Case(
        name=f"{kind} {seed}",
        kind=kind,
        config={
            "training": {
                "optimizer": {"lr": lr}, "max_steps": steps, "batch_size": batch, "clip": 1.0,
                "ema": 0.0,
            }
        },
        rows=rows,
        watched=monitor.watched() if watch else None,
        probe=probe(network),
        initial=probe(start),
    )  # fmt: skip
