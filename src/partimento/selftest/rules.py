"""What the rules of other tools look at, taken from a case: curves, gradients, weights, labels.

Both baselines read tensors by layer.  A monitor keeps norms, so a mean of absolute values is
derived as norm * sqrt(2 / (pi n)), which is exact in expectation for normally distributed values.

Shape suffixes: S recorded steps, P parameter blocks, V validations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from partimento.doctor.case import Case, Watched


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fired, and the first step at which it did."""

    rule: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a baseline."""

    name: str
    defaults: Mapping[str, float]
    """Thresholds as published, by their published names."""
    remembered: tuple[str, ...]
    """Those of the thresholds that were written down from memory and not looked up again."""
    fires: Callable[[Seen], int | None]
    """The step at which it first fires; None where it does not."""
    note: str = ""
    """What had to be adapted."""


class Seen:
    """A case as the rules see it; each part is worked out when a rule first asks for it."""

    def __init__(self, case: Case) -> None:
        self.case = case

    @property
    def watched(self) -> Watched | None:
        """What a monitor wrote; None where nobody watched."""
        return self.case.watched

    @cached_property
    def steps_S(self) -> np.ndarray:
        """Recorded steps; empty where nobody watched."""
        return np.array([]) if self.watched is None else np.asarray(self.watched.steps_S)

    @cached_property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and losses of the training: of the rows, else of the monitor."""
        found = _curve(self.case.rows, ("train",), ("loss", "train_loss"), "train_")
        if not len(found[0]) and self.watched is not None:
            return self.steps_S, np.asarray(self.watched.losses_S, dtype=np.float64)
        return found

    @cached_property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and validation losses."""
        return _curve(self.case.rows, ("validation", "epoch"), ("valid_loss",), "valid_")

    @cached_property
    def accuracy(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and validation accuracies, or the share of the first loss that is gone."""
        names = ("valid_accuracy", "accuracy", "valid_top1", "top1")
        steps, values = _curve(self.case.rows, ("validation", "epoch"), names, "valid_accuracy")
        if len(steps):
            return steps, values
        steps, losses = self.validation if len(self.validation[0]) else self.training
        if not len(losses) or not math.isfinite(losses[0]) or losses[0] == 0.0:
            return np.array([]), np.array([])
        return steps, 1.0 - losses / abs(losses[0])

    @cached_property
    def sizes_P(self) -> np.ndarray:
        """Numbers of each block; ones where the model is not at hand."""
        if self.watched is None:
            return np.array([])
        blocks = list(self.watched.blocks)
        if self.case.probe is None:
            return np.ones(len(blocks))
        modules = dict(self.case.probe.model.named_modules())
        return np.array([_size(modules.get(name)) for name in blocks], dtype=np.float64)

    @cached_property
    def mean_gradients_SP(self) -> np.ndarray:
        """Mean absolute gradient of each block; NaN where a block has none (frozen)."""
        if self.watched is None:
            return np.zeros((0, 0))
        norms_SP = np.asarray(self.watched.gradient_norms_SP, dtype=np.float64)
        return norms_SP * np.sqrt(2.0 / (math.pi * self.sizes_P))

    @property
    def broken_loss(self) -> int | None:
        """The first step whose training loss is no number, whether a monitor recorded it or not."""
        steps, losses = self.training
        hits = np.flatnonzero(~np.isfinite(losses))
        return int(steps[hits[0]]) if len(hits) else None

    def first_step(self, bad_S: np.ndarray | np.bool_) -> int | None:
        """The recorded step of the first True."""
        hits = np.flatnonzero(bad_S)
        return int(self.steps_S[hits[0]]) if len(hits) else None


def _size(module: Any) -> int:
    """Numbers that a module owns itself, at least 1."""
    if module is None:
        return 1
    return max(1, sum(p.numel() for p in module.parameters(recurse=False)))


def _curve(
    rows: Sequence[Mapping[str, Any]],
    kinds: Sequence[str],
    names: Sequence[str],
    prefix: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of the first of ``names`` in rows of these kinds, else of the prefix."""
    chosen = [row for row in rows if row.get("kind") in kinds]
    keys = [*names, *(key for row in chosen[:1] for key in row if key.startswith(prefix))]
    for name in keys:
        have = [row for row in chosen if _number(row.get(name))]
        if have:
            steps = np.array([float(row.get("step", n)) for n, row in enumerate(have)])
            return steps, np.array([float(row[name]) for row in have])
    return np.array([]), np.array([])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def fired_of(case: Case, rules: Sequence[Rule]) -> tuple[Fired, ...]:
    """The rules that fire on a case, the earliest first; equally early ones in table order."""
    seen = Seen(case)
    found = [Fired(rule.name, step) for rule in rules if (step := rule.fires(seen)) is not None]
    return tuple(sorted(found, key=lambda fired: fired.step))
