"""Examine any network with batches: no project of ours, no framework."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from partimento.doctor.case import Case, DataFacts, Kind, Probe, Watched
from partimento.doctor.checks import Check
from partimento.doctor.examine import Examination, examine
from partimento.doctor.monitor import Monitor

LossOf = Callable[[nn.Module, Any], Tensor]
RECORDS = 20
"""Steps of a rehearsal that are watched."""


def examine_module(
    model: nn.Module,
    batches: Sequence[Any],
    *,
    loss: LossOf,
    targets: Callable[[Any], Tensor],
    outputs: Callable[[nn.Module, Any], Tensor] | None = None,
    kind: Kind | None = None,
    mask: Callable[[Any], Tensor] | None = None,
    classes: Callable[[Any], np.ndarray] | None = None,
    causal: bool = False,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
    rehearsal: int = 0,
    name: str = "",
    config: Mapping[str, Any] | None = None,
    data: DataFacts | None = None,
    seed: int = 0,
    checks: Sequence[Check] | None = None,
) -> Examination:
    """All findings about ``model`` on held-out ``batches``; the model is left as it was.

    loss: (model, batch) -> one differentiable number, as in training.  targets: batch ->
    (B, ...) class numbers or (B, ..., D) values.  outputs: (model, batch) -> (B, ..., D) logits or
    values beside them; default: the model called with the batch (a mapping as keywords, the first
    item of a tuple or list) and, of what it returns, ``logits`` or the first tensor.  kind: what is
    predicted; default: values where targets are floating, tokens where they have two axes, else
    classes.  mask: batch -> where targets are real.  classes: batch -> (B,) numbers.  causal: later
    inputs must not change earlier outputs.

    ``rehearsal`` steps are trained on a copy, on these batches in turn, with ``optimizer`` (a
    function of the parameters, such as ``lambda p: torch.optim.AdamW(p, lr=1e-3)``), and watched
    from inside.

    Raises ValueError for no batches, or a rehearsal without an optimiser.
    """
    if not batches:
        raise ValueError("there is no batch to examine the model on")
    if rehearsal and optimizer is None:
        raise ValueError("a rehearsal needs an optimizer: a function of the parameters")
    answer = outputs or default_outputs
    probe = Probe(
        model=model,
        batches=batches,
        outputs=answer,
        targets=targets,
        loss=loss,
        mask=mask,
        classes=classes,
        steps=_steps(targets(batches[0])) if causal else None,
        causal=causal,
        change_from=_change_from if causal else None,
        part=part_of,
    )
    rows: list[dict[str, Any]] = []
    watched, initial = None, None
    if rehearsal and optimizer is not None:
        rows, watched, trained, stepper = rehearse(model, batches, loss, optimizer, rehearsal, seed)
        initial, probe = probe, replace(probe, model=trained, optimizers=(stepper,))
    case = Case(
        name=name or type(model).__name__,
        kind=kind or kind_of(targets(batches[0])),
        config=dict(config or {}),
        rows=rows,
        watched=watched,
        probe=probe,
        initial=initial,
        data=data,
        seed=seed,
    )
    return examine(case, checks)


def rehearse(
    model: nn.Module,
    batches: Sequence[Any],
    loss: LossOf,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
    steps: int,
    seed: int = 0,
) -> tuple[list[dict[str, Any]], Watched, nn.Module, Optimizer]:
    """Rows of the curves, what the monitor saw, the trained copy and its optimiser.

    ``model`` is not touched.  Random numbers inside (dropout) come from ``seed``; torch's own state
    is put back.
    """
    twin = copy.deepcopy(model).train()
    stepper = optimizer(twin.parameters())
    monitor = Monitor(twin, every=max(1, steps // RECORDS))
    rows: list[dict[str, Any]] = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for step in range(steps):
            monitor.before_step(step)
            stepper.zero_grad(set_to_none=True)
            value = loss(twin, batches[step % len(batches)])
            torch.autograd.backward(value)
            monitor.after_backward(value, stepper)
            stepper.step()
            monitor.after_step()
            number = float(value.detach())
            rate = max(float(group["lr"]) for group in stepper.param_groups)
            rows.append({"kind": "train", "step": step + 1, "loss": number, "lr": rate})
            if not math.isfinite(number):
                break
    return rows, monitor.watched(), twin.train(model.training), stepper


# -- defaults ------------------------------------------------------------------------------------


def default_outputs(model: nn.Module, batch: Any) -> Tensor:
    """What the model answers to a batch.

    Raises ValueError where it returns no tensor.
    """
    if isinstance(batch, Mapping):
        answer = model(**batch)
    else:
        answer = model(batch[0] if isinstance(batch, tuple | list) else batch)
    found = getattr(answer, "logits", answer)
    if isinstance(found, Mapping):
        found = next(iter(found.values()), None)
    if isinstance(found, tuple | list):
        found = found[0] if found else None
    if not isinstance(found, Tensor):
        raise ValueError(
            "the model returns no tensor: give outputs=, a function of model and batch"
        )
    return found


def kind_of(targets: Tensor) -> Kind:
    """What is predicted, from the look of the targets."""
    if targets.is_floating_point():
        return "regression"
    return "tokens" if targets.ndim > 1 else "classification"


def part_of(batch: Any, chosen: Sequence[int]) -> Any:
    """Some examples of a batch: every tensor and array of it is indexed by its first axis."""
    if isinstance(batch, Tensor | np.ndarray):
        return batch[list(chosen)] if batch.ndim else batch
    if isinstance(batch, Mapping):
        return {key: part_of(value, chosen) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(part_of(value, chosen) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(part_of(value, chosen) for value in batch)
    return batch


def _steps(targets: Tensor) -> int | None:
    return int(targets.shape[1]) if targets.ndim > 1 else None


def _change_from(batch: Any, step: int, rng: np.random.Generator) -> Any:
    """Inputs from a step on taken from other examples and other times; targets stay."""
    if isinstance(batch, Mapping):
        return {
            key: value if "label" in key or "mask" in key else _late(value, step, rng)
            for key, value in batch.items()
        }
    if isinstance(batch, tuple | list):
        return type(batch)([_late(batch[0], step, rng), *batch[1:]])
    return _late(batch, step, rng)


def _late(value: Any, step: int, rng: np.random.Generator) -> Any:
    if not isinstance(value, Tensor) or value.ndim < 2 or value.shape[1] <= step:
        return value
    changed = value.clone()
    late = changed[:, step:].reshape(-1, *changed.shape[2:])
    mixed = late[torch.from_numpy(rng.permutation(len(late))).to(late.device)]
    changed[:, step:] = mixed.reshape(changed[:, step:].shape)
    return changed
