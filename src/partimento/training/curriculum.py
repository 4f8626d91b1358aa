"""The curriculum and early stopping as pure state machines.

Both are judged on a validation loss measured at a *fixed* length, so that a change of the training
length cannot look like progress or like a plateau.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from partimento.training.config import CurriculumConfig


@dataclass(frozen=True, slots=True)
class CurriculumState:
    """Where the curriculum stands.

    ``length`` is the training length in steps, ``stage`` counts the changes of it, ``age_epochs``
    the epochs since the last change, ``stale_epochs`` those since the best loss (or last shrink).
    """

    length: int
    stage: int = 0
    age_epochs: int = 0
    stale_epochs: int = 0
    best_loss: float = math.inf
    last_event: str = "start"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Curriculum:
    """The rules.  :meth:`start` gives the first state and :meth:`step` the next one.

    >>> rules = Curriculum(CurriculumConfig(grow_epochs=1), full_length=10)
    >>> state = rules.start()
    >>> state = rules.step(state, epoch=0, val_loss=1.0)
    >>> state.length, state.last_event
    (10, 'grow')
    """

    config: CurriculumConfig
    full_length: int

    def start(self) -> CurriculumState:
        """The state before the first epoch."""
        if not self.config.on:
            return CurriculumState(self.full_length, last_event="off")
        return CurriculumState(min(self.config.start, self.full_length))

    def step(self, state: CurriculumState, epoch: int, val_loss: float | None) -> CurriculumState:
        """The state after ``epoch`` (0-based) ended with ``val_loss`` (None: not measured).

        A plateau wins over growing in the same epoch.  After a shrink the count of stale epochs
        starts anew while the best loss stays: the shorter length must beat the longer one.
        """
        if not self.config.on:
            return state
        better = val_loss is not None and val_loss < state.best_loss
        aged = replace(
            state,
            age_epochs=state.age_epochs + 1,
            stale_epochs=0 if better else state.stale_epochs + 1,
            best_loss=val_loss if better and val_loss is not None else state.best_loss,
            last_event="stay",
        )
        if self.config.shrink and aged.stale_epochs >= self.config.plateau_epochs:
            return self._move(replace(aged, stale_epochs=0), -self.config.shrink, "shrink")
        if aged.age_epochs >= self.config.grow_epochs:
            return self._move(aged, self.config.grow, "grow")
        return aged

    def _move(self, state: CurriculumState, change: int, event: str) -> CurriculumState:
        low = min(self.config.floor, self.full_length)
        length = min(max(state.length + change, low), self.full_length)
        if length == state.length:
            return replace(state, age_epochs=0)
        return replace(state, length=length, stage=state.stage + 1, age_epochs=0, last_event=event)


@dataclass(frozen=True, slots=True)
class StoppingState:
    """Best monitored loss so far, and the epochs since then."""

    best_loss: float = math.inf
    best_epoch: int = -1
    stale_epochs: int = 0

    def step(
        self, epoch: int, val_loss: float, epochs: int = 1, min_improvement: float = 0.0
    ) -> StoppingState:
        """The state after a validation; ``epochs`` have passed since the one before."""
        if val_loss < self.best_loss - min_improvement:
            return StoppingState(val_loss, epoch, 0)
        return replace(self, stale_epochs=self.stale_epochs + epochs)

    def exhausted(self, patience: int) -> bool:
        """Whether patience (in epochs; 0 is endless) has run out."""
        return patience > 0 and self.stale_epochs >= patience

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)
