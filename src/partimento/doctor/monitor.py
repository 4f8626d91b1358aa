"""Watch a training from inside: norms by depth, updates, dead units, spreads, every so many steps.

Knows no framework.  In a plain loop it takes three lines::

    monitor = Monitor(model, every=50)
    for step, (inputs, targets) in enumerate(batches):
        monitor.before_step(step)
        loss = criterion(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        monitor.after_backward(loss, optimizer)  # before gradients are clipped
        optimizer.step()
        monitor.after_step()

Between recorded steps nothing is hooked, read or copied.  On recorded ones everything is only
read: weights, gradients, random state and mode stay as they are, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from partimento.doctor.case import Watched
from partimento.doctor.forward_hooks import ForwardHooks
from partimento.doctor.watch_rows import watched_of_rows

DIGITS = 7
"""Significant digits of a float32."""


class Monitor:
    """Writes one row for every ``every``-th step, the first step included.

    ``every`` 0 never records.  Blocks are the modules that own parameters, in the order in which
    the first recorded step called them; a parameter that several modules share counts for the first
    of them.
    """

    def __init__(self, model: nn.Module, *, every: int = 50) -> None:
        if every < 0:
            raise ValueError(f"every is {every}, not a number of steps")
        self.model, self.every = model, every
        self.blocks: list[str] = []
        self._owned: dict[str, list[nn.Parameter]] = {}
        self._hooks = ForwardHooks(model)
        self._rows: list[dict[str, Any]] = []
        self._step: int | None = None
        self._row: dict[str, Any] | None = None
        self._before: dict[str, list[Tensor]] = {}
        self._stepped: dict[str, list[nn.Parameter]] = {}

    @property
    def recording(self) -> bool:
        """Whether the present step is recorded."""
        return self._step is not None

    def before_step(self, step: int) -> None:
        """Call before the forward pass of optimiser step ``step``, counted from 0."""
        self.close()
        if self.every and step % self.every == 0:
            self.record(step)

    def record(self, step: int) -> None:
        """Record this step, whatever its number; called by itself for every ``every``-th."""
        self._step = step
        self._hooks.attach()

    def after_backward(
        self,
        loss: Tensor | float,
        optimizers: Optimizer | Sequence[Optimizer],
        outputs: Tensor | None = None,
        targets: Tensor | None = None,
        classes: Iterable[int] | Tensor | None = None,
    ) -> None:
        """Call when all gradients of the step are there, before they are clipped.

        outputs: (B, ..., D); default: the first floating tensor of what the model returned.
        targets: of the same shape (class numbers have no spread).  classes: (B,) numbers.
        """
        if self._step is None:
            return
        self._hooks.detach()
        if not self.blocks:
            self._own()
        groups = _groups(optimizers)
        seen = self._hooks.read(self.blocks, outputs, targets)
        gradients = _norms({b: [p.grad for p in self._owned[b]] for b in self.blocks}, math.nan)
        value = float(loss.detach()) if isinstance(loss, Tensor) else float(loss)
        self._row = {
            "kind": "watch",
            "step": self._step,
            "loss": value,
            "lr": max((float(group["lr"]) for group in groups), default=math.nan),
            "gradient_norms": gradients,
            "weight_norms": _norms(self._owned),
            "update_ratios": [math.nan] * len(self.blocks),
            "dead": seen.dead,
            "saturated": seen.saturated,
            "output_spread": _short(seen.output_spread),
            "target_spread": _short(seen.target_spread),
            "classes": [] if classes is None else [int(c) for c in classes],
            "not_finite": seen.not_finite or self._last_not_finite(gradients),
        }
        if not self._rows:
            self._row["blocks"] = list(self.blocks)
        self._copy_weights(groups)

    def after_step(self) -> dict[str, Any] | None:
        """Call after the optimisers' step; returns the row of a recorded step."""
        row, self._row = self._row, None
        if row is not None:
            row["update_ratios"] = self._update_ratios(row["weight_norms"])
            self._rows.append(row)
        self.close()
        return row

    def broken_off(self, loss: Tensor | float) -> dict[str, Any]:
        """Row of a step that ended before its backward pass because the loss is no number.

        Names the first block whose value (where the step was recorded) or weight is not finite.
        """
        self._hooks.detach()
        if not self.blocks:
            self._own()
        seen = self._hooks.read(self.blocks, None, None)
        weights = _norms(self._owned)
        bad = [b for b, norm in zip(self.blocks, weights, strict=True) if not math.isfinite(norm)]
        nothing = [math.nan] * len(self.blocks)
        row: dict[str, Any] = {
            "kind": "watch",
            "step": self._step,
            "loss": float(loss),
            "lr": math.nan,
            "gradient_norms": nothing,
            "weight_norms": weights,
            "update_ratios": nothing,
            "dead": seen.dead,
            "saturated": seen.saturated,
            "output_spread": math.nan,
            "target_spread": math.nan,
            "classes": [],
            "not_finite": bad[0] if bad else seen.not_finite,
            "blocks": list(self.blocks),
        }
        self.close()
        return row

    def close(self) -> None:
        """Take all hooks away and forget an unfinished step; called by itself where needed."""
        self._hooks.detach()
        self._step, self._row, self._before = None, None, {}

    def rows(self) -> list[dict[str, Any]]:
        """All rows so far, as JSON data (but for NaN)."""
        return list(self._rows)

    def watched(self) -> Watched:
        """All rows so far, as arrays."""
        return watched_of_rows(self._rows)

    def _own(self) -> None:
        """Find the blocks and which parameters each owns, by depth."""
        seen: set[int] = set()
        for name in self._hooks.by_depth():
            module = self.model.get_submodule(name)
            mine = [p for p in module.parameters(recurse=False) if id(p) not in seen]
            seen.update(map(id, mine))
            if mine:
                self._owned[name] = mine
        self.blocks = list(self._owned)

    def _last_not_finite(self, gradients: Sequence[float]) -> str:
        """Gradients flow backwards: the deepest bad one was the first."""
        bad = [
            block
            for block, norm in zip(self.blocks, gradients, strict=True)
            if not math.isfinite(norm) and any(p.grad is not None for p in self._owned[block])
        ]
        return bad[-1] if bad else ""

    @torch.no_grad()
    def _copy_weights(self, groups: Sequence[dict[str, Any]]) -> None:
        stepped = {id(p) for group in groups for p in group["params"]}
        self._before = {
            block: [p.detach().clone() for p in owned if id(p) in stepped]
            for block, owned in self._owned.items()
        }
        self._stepped = {
            block: [p for p in owned if id(p) in stepped] for block, owned in self._owned.items()
        }

    @torch.no_grad()
    def _update_ratios(self, norms_before: Sequence[float]) -> list[float]:
        """Change / larger norm of before and after, so that zero weights give 1 at most."""
        changes = {
            block: [new - old for new, old in zip(self._stepped[block], before, strict=True)]
            for block, before in self._before.items()
        }
        moved, after = _norms(changes), _norms(self._owned)
        scales = [max(pair) for pair in zip(norms_before, after, strict=True)]
        return [
            _short(m / s) if s > 0.0 or math.isnan(s) else 0.0
            for m, s in zip(moved, scales, strict=True)
        ]


def _groups(optimizers: Optimizer | Sequence[Optimizer]) -> list[dict[str, Any]]:
    several = [optimizers] if isinstance(optimizers, Optimizer) else list(optimizers)
    return [group for optimizer in several for group in optimizer.param_groups]


@torch.no_grad()
def _norms(tensors: dict[str, Any], of_none: float = 0.0) -> list[float]:
    """Euclidean norm of each block's tensors together; ``of_none`` where it has none.

    Read in one go: a norm at a time would make a GPU wait for each.
    """
    flat: list[Tensor] = []
    owner: list[int] = []
    for index, several in enumerate(tensors.values()):
        for tensor in several:
            if tensor is not None and tensor.numel():
                flat.append(tensor.detach().coalesce().values() if tensor.is_sparse else tensor)
                owner.append(index)
    sums = np.zeros(len(tensors))
    if flat:
        norms = torch._foreach_norm([t.detach() for t in flat])
        values = torch.stack([n.float().to(norms[0].device) for n in norms]).cpu().double().numpy()
        np.add.at(sums, owner, values**2)
    have = set(owner)
    roots = np.sqrt(sums)
    return [_short(root) if i in have else of_none for i, root in enumerate(roots)]


def _short(value: float) -> float:
    """No more digits than a float32 holds."""
    return float(f"{float(value):.{DIGITS}g}")
