"""Looking into any model through its probe: heads, gradients by depth and class, calibration.

Nothing here judges; the checks do.

Shape suffixes: B batch, H heads, Q queries, K keys, P blocks, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Probe
from partimento.doctor.probing import undisturbed
from partimento.nn import tap

_LONGEST = 64
"""Distances beyond are one bin."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Head:
    """One attention head over all batches."""

    tap: str
    layer: int
    head: int
    entropy: float
    """Mean entropy over its largest possible value, log of the number of visible keys; 0 to 1."""
    distance: float
    """Mean distance in steps between a query and what it looks at."""
    by_distance: tuple[float, ...]
    """Weight at distance 0, 1, ... and, last, beyond."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "tap": self.tap, "layer": self.layer, "head": self.head,
            "entropy": round(self.entropy, 4), "distance": round(self.distance, 3),
            "by_distance": [round(value, 5) for value in self.by_distance],
        }  # fmt: skip


def heads(probe: Probe, batches: int = 2) -> list[Head]:
    """What every square attention map of the model does, head by head.

    Maps over groups (of notes in a beat) have no distances: ``inspect critique`` shows those.

    Raises LookupError where the probe names taps and the model records none of them, and where
    it has no square map at all.
    """
    found: dict[tuple[str, int], list[Tensor]] = {}
    with undisturbed(probe.model):
        for batch in list(probe.batches)[:batches]:
            with tap.listen() as taps:
                probe.outputs(probe.model, batch)
            for name in probe.attention_taps:
                for layer, weights in enumerate(tap.require(taps, name)):
                    if weights.dim() >= 4 and weights.shape[-1] == weights.shape[-2]:
                        flat = weights.reshape(-1, *weights.shape[-3:])
                        found.setdefault((name, layer), []).append(flat.float())
    if not found:
        raise LookupError("the model records no square attention map")
    return [head for (name, layer), maps in found.items() for head in _heads_of(name, layer, maps)]


def _heads_of(name: str, layer: int, maps: list[Tensor]) -> list[Head]:
    rows = []
    for number in range(maps[0].shape[1]):
        # A key counts as visible where any head sees it: a sharp head's own weights underflow.
        measured = [_measure(each[:, number], (each > 0).any(1).sum(-1)) for each in maps]
        entropy = float(np.mean([m[0] for m in measured]))
        profile = np.mean([m[1] for m in measured], axis=0)
        distance = float(np.mean([m[2] for m in measured]))
        rows.append(Head(name, layer, number, entropy, distance, tuple(profile.tolist())))
    return rows


def _measure(weights_BQK: Tensor, visible: Tensor) -> tuple[float, np.ndarray, float]:
    """Entropy over its maximum, profile of distances, mean distance."""
    size = weights_BQK.shape[-1]
    entropy = -(weights_BQK * (weights_BQK + _TINY).log()).sum(-1)
    several = visible > 1
    share = entropy[several] / visible[several].float().log()
    place = torch.arange(size)
    away_QK = (place[:, None] - place[None, :]).abs()
    profile = np.zeros(_LONGEST + 1)
    total = weights_BQK.sum(0)
    flat = away_QK.clamp(max=_LONGEST).flatten().numpy()
    np.add.at(profile, flat, total.flatten().double().numpy())
    mean = float((weights_BQK * away_QK).sum() / weights_BQK.sum().clamp(min=_TINY))
    used = min(size, _LONGEST) + int(size > _LONGEST)
    level = float(share.mean()) if len(share) else float("nan")
    return level, (profile / max(profile.sum(), _TINY))[:used], mean


def gradients_by_depth(probe: Probe) -> dict[str, float]:
    """Norm of the training loss's gradient in every block, input side first.

    A block is a module that owns parameters itself.
    """
    with undisturbed(probe.model, training=True, gradients=True):
        loss = torch.stack([probe.loss(probe.model, batch) for batch in probe.batches]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return {name: _block_norm(block) for name, block in blocks(probe.model)}


def blocks(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Modules that own parameters, in the order of definition."""
    return [
        (name or type(model).__name__, module)
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]


def _block_norm(block: nn.Module) -> float:
    squares = [
        float(parameter.grad.double().square().sum())
        for parameter in block.parameters(recurse=False)
        if parameter.grad is not None
    ]
    return float(np.sqrt(sum(squares)))


def gradients_by_class(probe: Probe) -> dict[str, Any]:
    """Norm of each class's gradient, and the cosines between them with their floor -1 / (C - 1).

    The floor is what any classes show wherever the mean is predicted.
    Raises LookupError for a probe without classes or without the means to take examples apart.
    """
    if probe.classes is None or probe.part is None:
        raise LookupError("the probe knows no classes of examples")
    sums: dict[int, np.ndarray] = {}
    with undisturbed(probe.model, gradients=True):
        for batch in probe.batches:
            classes = np.asarray(probe.classes(batch))
            for value in np.unique(classes):
                chosen = np.flatnonzero(classes == value).tolist()
                gradient = _flat_gradient(probe, probe.part(batch, chosen)) * len(chosen)
                sums[int(value)] = sums.get(int(value), 0.0) + gradient
    names = sorted(sums)
    table = np.stack([sums[name] for name in names])
    norms = np.linalg.norm(table, axis=1)
    unit = table / np.maximum(norms, _TINY)[:, None]
    return {
        "classes": names,
        "norms": norms.tolist(),
        "cosines": (unit @ unit.T).tolist(),
        "floor": -1.0 / (len(names) - 1) if len(names) > 1 else None,
    }


def _flat_gradient(probe: Probe, batch: Any) -> np.ndarray:
    weights = [p for p in probe.model.parameters() if p.requires_grad]
    parts = torch.autograd.grad(probe.loss(probe.model, batch), weights, allow_unused=True)
    flat = [
        torch.zeros(w.numel()) if g is None else g.reshape(-1)
        for w, g in zip(weights, parts, strict=True)
    ]
    return torch.cat(flat).double().numpy()


def calibration(probe: Probe, bins: int = 10) -> dict[str, Any]:
    """Confidence of the likeliest class against how often it is right, in equally full bins.

    Expected calibration error as Guo et al. 2017, but over bins of equal count, which a model that
    is mostly sure does not leave empty.  Only for models of tokens or classes.
    """
    sure, right = [], []
    with undisturbed(probe.model):
        for batch in probe.batches:
            probabilities = probe.outputs(probe.model, batch).float().softmax(-1)
            confidence, guess = probabilities.max(-1)
            targets = probe.targets(batch)
            kept = torch.ones_like(targets, dtype=torch.bool)
            if probe.mask is not None:
                kept = probe.mask(batch).bool()
            sure.append(confidence[kept].numpy())
            right.append((guess == targets)[kept].numpy())
    confidence_N, right_N = np.concatenate(sure), np.concatenate(right).astype(np.float64)
    order = np.argsort(confidence_N, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    rows = [
        {
            "confidence": float(confidence_N[part].mean()),
            "accuracy": float(right_N[part].mean()),
            "count": len(part),
        }
        for part in parts
    ]
    error = sum(abs(r["confidence"] - r["accuracy"]) * r["count"] for r in rows) / len(order)
    return {"error": error, "accuracy": float(right_N.mean()), "bins": rows}
