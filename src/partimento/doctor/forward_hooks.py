"""What a monitor reads during a forward pass: dead rectifiers, saturated units, spreads, NaN.

Hooks only read.  Reductions stay on the device until :meth:`ForwardHooks.read`, so that a GPU is
made to wait once per recorded step and not once per layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

RECTIFIERS = (nn.ReLU, nn.ReLU6)
BOUNDED = (nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Hardsigmoid, nn.Softsign)
_CHANNELS_SECOND = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm)
_RECTIFIED = ("Relu", "Threshold")
_SQUASHED = ("Tanh", "Sigmoid")
_PASSED = ("NativeDropout", "View", "UnsafeView", "Reshape", "Transpose", "Permute", "Clone")
"""Operations of autograd that leave zeros zero, and units where they are."""
AT_THE_END = 0.01
"""Share of the range of a bounded activation that counts as its end."""
ENOUGH = 8
"""Values of a unit from which "zero for all" says something: half are zero anyway."""
_HOPS = 4


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Figures of one forward pass; dead and saturated by name of block."""

    dead: dict[str, float] = field(default_factory=dict)
    saturated: dict[str, float] = field(default_factory=dict)
    output_spread: float = math.nan
    target_spread: float = math.nan
    not_finite: str = ""


class ForwardHooks:
    """Hooks on all modules that own parameters or are activations, for one step at a time."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._handles: list[Any] = []
        self._calls: dict[str, int] = {}
        self._forget()

    def _forget(self) -> None:
        self._last = ""
        """Block that was called last: an activation belongs to it."""
        self._alive: dict[str, Tensor] = {}
        self._ends: dict[str, list[Tensor]] = {}
        self._bad: dict[str, Tensor] = {}
        self._output: Tensor | None = None
        self._by_child: Tensor | None = None

    def attach(self) -> None:
        """Begin to read."""
        self.detach()
        self._forget()
        spared = _on_a_fast_path(self.model)
        for name, module in self.model.named_modules():
            if id(module) in spared:
                continue
            if any(p is not None for p in module._parameters.values()):
                self._handles.append(module.register_forward_pre_hook(self._before(name)))
                self._handles.append(module.register_forward_hook(self._after(name)))
            elif isinstance(module, RECTIFIERS + BOUNDED):
                self._handles.append(module.register_forward_hook(self._activation))
            elif next(module.children(), None) is not None:
                self._handles.append(module.register_forward_pre_hook(self._count(name)))
        for child in self.model.children():
            if id(child) not in spared:
                self._handles.append(child.register_forward_hook(self._child))
        self._handles.append(self.model.register_forward_hook(self._root))

    def detach(self) -> None:
        """Stop reading."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def by_depth(self) -> list[str]:
        """All modules: called ones in the order of their first call.

        Others (parts that are used without being called) stand behind the nearest called ancestor.
        """
        names = [name for name, _ in self.model.named_modules()]
        far = len(self._calls)

        def place(name: str) -> int:
            while name and name not in self._calls:
                name = name.rpartition(".")[0]
            return self._calls.get(name, far)

        return sorted(names, key=place)  # stable: registration decides where calls do not

    def read(self, blocks: Sequence[str], outputs: Tensor | None, targets: Tensor | None) -> Seen:
        """The figures of the pass."""
        dead = {
            name: float((units == 0).float().mean())
            for name, units in self._alive.items()
            if name in blocks
        }
        saturated = {
            name: float(torch.stack(shares).mean())
            for name, shares in self._ends.items()
            if name in blocks and name != self._last  # the network's own answer may be sure
        }
        names = [name for name in blocks if name in self._bad]
        flags = torch.stack([self._bad[n] for n in names]).tolist() if names else []
        seen = Seen(
            dead=dead,
            saturated=saturated,
            output_spread=_spread(self._answer if outputs is None else outputs),
            target_spread=_spread(targets),
            not_finite=next((n for n, bad in zip(names, flags, strict=True) if bad), ""),
        )
        self._forget()
        return seen

    @property
    def _answer(self) -> Tensor | None:
        """What the model returned; where only its parts were called, what the last one did."""
        return self._by_child if self._output is None else self._output

    # -- hooks ---------------------------------------------------------------------------------

    def _count(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            self._calls.setdefault(name, len(self._calls))

        return hook

    def _before(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            self._calls.setdefault(name, len(self._calls))
            if self._last and inputs and isinstance(inputs[0], Tensor):
                kind = _made_by(inputs[0])
                if kind:
                    self._take(kind, inputs[0].detach(), module)

        return hook

    def _after(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            value = _first_floating(output)
            if value is not None:
                bad = value.detach().isnan().any()
                self._bad[name] = self._bad[name] | bad if name in self._bad else bad
            if next(module.children(), None) is None:
                self._last = name

        return hook

    def _activation(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if self._last and isinstance(output, Tensor):
            kind = "rectified" if isinstance(module, RECTIFIERS) else "squashed"
            self._take(kind, output.detach(), self.model.get_submodule(self._last))

    def _root(self, module: nn.Module, inputs: Any, output: Any) -> None:
        value = _first_floating(output)
        self._output = None if value is None else value.detach()

    def _child(self, module: nn.Module, inputs: Any, output: Any) -> None:
        value = _first_floating(output)
        if value is not None and value.ndim > 1:  # a loss is no answer
            self._by_child = value.detach()

    def _take(self, kind: str, values: Tensor, beside: nn.Module) -> None:
        """Note the activation ``values`` of the block that was called last."""
        if values.ndim < 2 or not values.numel():
            return
        if kind == "rectified":
            channels = 1 if isinstance(beside, _CHANNELS_SECOND) else values.ndim - 1
            if values.numel() < ENOUGH * values.shape[channels]:
                return
            units = values.amax(dim=[axis for axis in range(values.ndim) if axis != channels])
            before = self._alive.get(self._last)
            if before is not None and before.shape == units.shape:
                units = torch.maximum(before, units)
            self._alive[self._last] = units
        else:
            low, high = (0.0, 1.0) if bool(values.min() >= 0) else (-1.0, 1.0)
            margin = AT_THE_END * (high - low)
            ends = (values < low + margin) | (values > high - margin)
            self._ends.setdefault(self._last, []).append(ends.float().mean())


def _made_by(value: Tensor) -> str:
    """Whether a rectifier or a bounded function made ``value``, looking through dropout."""
    node: Any = value.grad_fn
    for _ in range(_HOPS):
        if node is None:
            return ""
        name = node.name()
        if name.startswith(_RECTIFIED):
            return "rectified"
        if name.startswith(_SQUASHED):
            return "squashed"
        if not name.startswith(_PASSED) or not node.next_functions:
            return ""
        node = node.next_functions[0][0]
    return ""


def _first_floating(value: Any) -> Tensor | None:
    """The first floating tensor of what a module returned."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else None
    logits = getattr(value, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    several: Any = ()
    if isinstance(value, dict):
        several = value.values()
    elif isinstance(value, list | tuple):
        several = value
    return next((t for t in map(_first_floating, several) if t is not None), None)


@torch.no_grad()
def _spread(values: Tensor | None) -> float:
    """Standard deviation over everything but the last axis, mean over the last; NaN for none."""
    if values is None or not values.is_floating_point() or values.ndim < 1:
        return math.nan
    rows = values.detach().float()
    rows = rows.reshape(-1, 1) if rows.ndim == 1 else rows.reshape(-1, rows.shape[-1])
    return float(rows.std(0, correction=0).mean()) if len(rows) > 1 else math.nan


def _on_a_fast_path(model: nn.Module) -> set[int]:
    """Modules inside PyTorch's own encoder layers in evaluation mode.

    Hooks there would take away a fused path whose sums round differently, and so change the run.
    """
    layers = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)
    return {
        id(part)
        for module in model.modules()
        if isinstance(module, layers) and not module.training
        for part in module.modules()
    }
