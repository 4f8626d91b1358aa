"""Does the conditioning matter to the loss (R9), and each level of a hierarchy (R11)?

Both are controlled trials on held-out examples: the same example with and without, loss by loss.

Shape suffixes: N examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.information_flow import DEAD
from partimento.doctor.probing import (
    answer,
    bootstrap,
    difference,
    example_losses,
    real_places,
    same_batch,
    spread,
)
from partimento.doctor.settings import flat

DEAD_EFFECT = 0.01
NEGLIGIBLE = 0.001
IDLE_EFFECT = 0.005
IDLE_CHANGE = 0.01
SWAPS = 4
FEWEST = 16
"""Examples below which an interval says too little."""
SHUFFLED = " shuffled"
"""Ends the name of a level that is not silenced but fed with groups drawn at random."""

CONDITIONING = Known(
    code="R9.dead-conditioning",
    title="The conditioning does nothing",
    meaning="The loss is the same under the prompt, style or token of another example: the model"
    " has not learnt to listen to it, and what is asked for will not be obeyed.",
    threshold=f"no output changes, or 95 % sure that the loss rises by less than {DEAD_EFFECT:.0%}"
    " and not even surely at all, or surely by less than a thousandth",
    source="a hundredth of the loss; a live prompt of attributes is worth several per cent",
    evidence="loss under right and swapped conditioning, interval, share of outputs that move",
    remedy="condition on more than one token and drop tokens at random in training: a recipe of"
    " kind strong (recipes/text2midi/strong.yaml); check that the token reaches the network",
    explains=("R6.plateau", "M8.no-effect", "R6.underfit"),
)
LEVEL = Known(
    code="R11.idle-level",
    title="A level of the hierarchy does nothing",
    meaning="With this level silenced the outputs stay as they are: its parameters cost time and"
    " contribute nothing.",
    threshold=f"outputs move by less than {IDLE_CHANGE:g} standard deviations, or the loss surely"
    f" rises by less than {IDLE_EFFECT:.1%} (a remark only)",
    source="a hundredth of the spread of the outputs",
    evidence="loss and outputs with each level silenced, and with its groups shuffled",
    remedy="leave the level out of the network, or check where its states are joined",
    explains=("R2.rank", "R3.vanishing", "M7.frozen"),
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The losses of N examples as they are and under a change."""

    right_N: np.ndarray
    changed_N: np.ndarray
    moved: float
    """Largest mean change of an example's outputs, in standard deviations of the outputs."""

    @property
    def effect(self) -> float:
        """(loss under the change - loss) / |loss|."""
        return float((self.changed_N - self.right_N).mean()) / self.size

    @property
    def size(self) -> float:
        """Mean absolute loss, by which effects are divided."""
        return max(float(np.abs(self.right_N).mean()), 1e-12)

    def interval(self, rng: np.random.Generator) -> tuple[float, float]:
        """95 % bootstrap interval of the effect over examples."""
        low, high = bootstrap(self.changed_N - self.right_N, rng)
        return low / self.size, high / self.size


def _moved(probe: Probe, batch: Any, other: Any, manager: Callable[[], Any]) -> np.ndarray:
    """(B,) root mean square change of each example's outputs, in standard deviations."""
    outputs = answer(probe, batch)
    with manager():
        changed = answer(probe, other)
    where = real_places(probe, batch, outputs)
    apart = difference(outputs, changed)
    apart = torch.where(apart.isfinite(), apart, torch.full((), 1e3).double())
    shape = (*where.shape, *(1,) * (apart.ndim - where.ndim))
    kept = (apart.square() * where.reshape(shape)).reshape(len(apart), -1).mean(1).sqrt()
    found: np.ndarray = (kept / spread(outputs, where)).numpy()
    return found


def condition_trial(probe: Probe, rng: np.random.Generator) -> Trial | None:
    """Right against swapped conditioning on all batches.

    Examples whose conditioning the swaps left as it was are left out; None where all were.
    Raises ValueError for a probe that cannot swap or has no losses of examples.
    """
    if probe.swap_condition is None:
        raise ValueError("this probe cannot swap the conditioning")
    right, changed, most, differed = [], [], 0.0, False
    for batch in probe.batches:
        own = example_losses(probe, batch)
        others = []
        for draw in range(SWAPS):
            other = probe.swap_condition(batch, rng)
            if same_batch(batch, other):
                continue
            differed = True
            others.append(example_losses(probe, other))
            if draw == 0 or most == 0.0:
                most = max(most, float(_moved(probe, batch, other, nullcontext).max()))
        if others:
            right.append(own)
            changed.append(_mean_where_changed(own, np.stack(others)))
    if not differed:
        return None
    right_N, changed_N = np.concatenate(right), np.concatenate(changed)
    told = np.isfinite(right_N) & np.isfinite(changed_N)
    return Trial(right_N=right_N[told], changed_N=changed_N[told], moved=most)


def _mean_where_changed(own_N: np.ndarray, others_KN: np.ndarray) -> np.ndarray:
    """Mean over the swaps that changed the loss of an example at all; its own where none did."""
    touched = others_KN != own_N
    count = touched.sum(0)
    total = np.where(touched, others_KN, 0.0).sum(0)
    found: np.ndarray = np.where(count > 0, total / np.maximum(count, 1), own_N)
    return found


def conditioning(case: Case) -> Iterable[Finding]:
    """R9: right against swapped conditioning."""
    probe = case.probe
    if probe is None:
        return
    rng = case.rng(9, 1)
    trial = condition_trial(probe, rng)
    if trial is None or not len(trial.right_N):
        return
    low, high = trial.interval(rng)
    unmoved = trial.moved < DEAD
    lost = (low <= 0.0 and high < DEAD_EFFECT) or high < NEGLIGIBLE
    lost = lost and len(trial.right_N) >= FEWEST
    if not (unmoved or lost):
        return
    says = (
        "no output changes at all"
        if unmoved
        else f"the loss changes by {trial.effect:+.2%} (95 % interval {low:+.2%} to {high:+.2%})"
    )
    keys = [k for k in flat(case.config) if k.rpartition(".")[2] in _SWITCHES]
    yield Finding(
        code=CONDITIONING.code,
        severity="severe",
        claim=f"under the conditioning of other examples {says}: nothing is learnt from it",
        measured=trial.effect,
        unit="(loss under swapped conditioning - loss) / loss",
        threshold=DEAD_EFFECT,
        source=CONDITIONING.source,
        confidence=0.98 if unmoved else 0.85,
        control=f"{len(trial.right_N)} held-out examples, each under its own and under {SWAPS}"
        " swapped conditionings that differ from it, inputs and targets the same",
        remedy=CONDITIONING.remedy,
        evidence={
            "right": float(trial.right_N.mean()),
            "swapped": float(trial.changed_N.mean()),
            "unit": probe.unit,
            "interval": [low, high],
            "outputs_moved": trial.moved,
            "examples": len(trial.right_N),
            "settings": keys,
        },
    )


_SWITCHES = ("condition", "conditioning", "whole_dropout", "prefix", "clusters", "semantic")


# -- levels ------------------------------------------------------------------------------------


def level_trial(probe: Probe, level: str) -> Trial:
    """Losses with a level silenced, on all batches.

    Raises KeyError for a level that the probe does not have.
    """
    silence = probe.levels[level]
    right, changed, most = [], [], 0.0
    for batch in probe.batches:
        most = max(
            most, float(_moved(probe, batch, batch, lambda: silence(probe.model)).max(initial=0.0))
        )
        if probe.example_losses is not None:
            right.append(example_losses(probe, batch))
            with silence(probe.model):
                changed.append(example_losses(probe, batch))
    empty = [np.zeros(0)]
    return Trial(
        right_N=np.concatenate(right or empty),
        changed_N=np.concatenate(changed or empty),
        moved=most,
    )


def levels(case: Case) -> Iterable[Finding]:
    """R11: silence each level in turn."""
    probe = case.probe
    if probe is None:
        return
    rng, table = case.rng(11, 1), []
    for level in probe.levels:
        trial = level_trial(probe, level)
        row: dict[str, Any] = {"level": level, "outputs_moved": trial.moved}
        if len(trial.right_N):
            low, high = trial.interval(rng)
            row |= {"effect": trial.effect, "low": low, "high": high}
        table.append(row)
    for row in table:
        if not str(row["level"]).endswith(SHUFFLED):
            yield from _idle(probe, row, table)


def _idle(probe: Probe, row: dict[str, Any], table: list[dict[str, Any]]) -> Iterable[Finding]:
    level, moved = str(row["level"]), float(row["outputs_moved"])
    dead = moved < IDLE_CHANGE
    weak = "high" in row and row["high"] < IDLE_EFFECT
    if not (dead or weak):
        return
    shuffled = next((r for r in table if r["level"] == level + SHUFFLED), None)
    beside = (
        ""
        if shuffled is None
        else f"; with shuffled groups they move by {shuffled['outputs_moved']:.2g}"
    )
    loss = f", the loss changes by {row['effect']:+.2%}" if "effect" in row else ""
    yield Finding(
        code=LEVEL.code,
        severity="warning" if dead else "info",
        claim=f"with the level {level} silenced the outputs move by {moved:.2g} of their"
        f" spread{loss}",
        measured=moved,
        unit="root mean square change / standard deviation of outputs",
        threshold=IDLE_CHANGE,
        source=LEVEL.source,
        confidence=0.95 if dead else 0.5,
        control=f"the other {sum(1 for _ in probe.levels) - 1} levels and controls are silenced in"
        f" the same way and listed beside it{beside}; what training without the level would"
        " make good is not measured",
        remedy=LEVEL.remedy,
        evidence={"levels": table},
    )


CHECKS = (
    Check(
        name="conditioning",
        known=(CONDITIONING,),
        needs=("probe.batches", "probe.swap_condition", "probe.example_losses"),
        run=conditioning,
    ),
    Check(
        name="levels of a hierarchy",
        known=(LEVEL,),
        needs=("probe.batches", "probe.levels"),
        run=levels,
    ),
)
