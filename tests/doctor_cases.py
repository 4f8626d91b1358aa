"""Small probes for the doctor's tests: linear models on made data, exact and fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, DataFacts, Probe

Batch = dict[str, Tensor]


def linear(weights: np.ndarray, bias: np.ndarray | None = None) -> nn.Linear:
    """A layer that answers ``inputs @ weights + bias``."""
    layer = nn.Linear(weights.shape[0], weights.shape[1])
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weights.T, dtype=torch.float32))
        layer.bias.copy_(torch.as_tensor(0.0 if bias is None else bias, dtype=torch.float32))
    return layer


def batches_of(
    inputs: np.ndarray, targets: np.ndarray, classes: np.ndarray | None = None, size: int = 16
) -> list[Batch]:
    """Batches of consecutive examples."""
    whole = targets.dtype.kind == "i"
    found = []
    for start in range(0, len(inputs), size):
        cut = slice(start, start + size)
        batch = {
            "inputs": torch.as_tensor(inputs[cut], dtype=torch.float32),
            "targets": torch.as_tensor(targets[cut], dtype=torch.int64 if whole else torch.float32),
        }
        if classes is not None:
            batch["classes"] = torch.as_tensor(classes[cut])
        found.append(batch)
    return found


def squared(model: nn.Module, batch: Batch) -> Tensor:
    """(B,) mean squared errors."""
    return ((model(batch["inputs"]) - batch["targets"]) ** 2).flatten(1).mean(1)


def swapped(batch: Batch, rng: np.random.Generator) -> Batch:
    """The inputs of the neighbours along a random cycle."""
    order = torch.as_tensor(rng.permutation(len(batch["inputs"])))
    source = torch.empty_like(order)
    source[order] = order.roll(1)
    return {**batch, "inputs": batch["inputs"][source]}


def numbers_probe(model: nn.Module, batches: Sequence[Batch], **more: Any) -> Probe:
    """A probe of a model that predicts numbers."""
    known = "classes" in batches[0]
    return Probe(
        model=model,
        batches=batches,
        outputs=lambda m, b: m(b["inputs"]),
        targets=lambda b: b["targets"],
        loss=lambda m, b: squared(m, b).mean(),
        example_losses=squared,
        unit="squared error",
        swap_inputs=swapped,
        classes=(lambda b: b["classes"].numpy()) if known else None,
        **more,
    )


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """Mean over all steps."""
    logits = model(batch["inputs"]).flatten(0, -2)
    return nn.functional.cross_entropy(logits, batch["targets"].flatten())


def classes_probe(model: nn.Module, batches: Sequence[Batch], **more: Any) -> Probe:
    """A probe of a model that predicts class numbers, one per step."""
    return Probe(
        model=model,
        batches=batches,
        outputs=lambda m, b: m(b["inputs"]),
        targets=lambda b: b["targets"],
        loss=cross_entropy,
        **more,
    )


def made_numbers(
    count: int = 96, noise: float = 0.3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs (N, 5), targets (N, 3), and the map (5, 3) between them."""
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(99).normal(size=(5, 3))
    inputs = rng.normal(size=(count, 5))
    return inputs, inputs @ weights + noise * rng.normal(size=(count, 3)), weights


def numbers_case(model: nn.Module, *, kind: str = "regression", **more: Any) -> Case:
    """A case with 96 training and 48 held-out examples of :func:`made_numbers`."""
    inputs, targets, _ = made_numbers(144)
    held = batches_of(inputs[96:], targets[96:])
    data = DataFacts(inputs=list(inputs), labels=targets, split=["train"] * 96 + ["valid"] * 48)
    return Case(kind=kind, probe=numbers_probe(model, held), data=data, **more)


def findings(case: Case, checks: Sequence[Any]) -> dict[str, Any]:
    """Code -> finding, of the checks that can be run."""
    return {
        finding.code: finding
        for check in checks
        if not check.missing(case)
        for finding in check.run(case)
    }
