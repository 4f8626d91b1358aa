"""Claims that short trainings decide, on any task: batch sizes, batches by class, options.

Each function returns figures by name and the verdict that a rule reads from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from partimento.tasks.audio2visual import claims_verdicts as verdicts
from partimento.tasks.audio2visual.claims_training import (
    LIGHT,
    ClaimRecipe,
    ClaimRun,
    ClaimTask,
    run,
    with_batch,
)
from partimento.tasks.audio2visual.claims_verdicts import Verdict

SIZES = (1, 8, 16, 32)
Decided = tuple[dict[str, Any], Verdict, str]
"""Figures, verdict, sentence."""


@dataclass
class Runs:
    """Trainings of one task, each done once however many claims look at it."""

    task: ClaimTask
    seeds: tuple[int, ...] = (0, 1, 2)
    option_seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """For differences so small that three seeds tell nothing."""
    epochs: int = 12
    steps: int = 600
    """Of the comparisons at equal steps."""
    ran: Callable[[str], None] | None = None
    """Told the task's name after every training."""
    done: dict[tuple[ClaimRecipe, int], ClaimRun] = field(default_factory=dict)

    def get(self, recipe: ClaimRecipe, seeds: Sequence[int] | None = None) -> list[ClaimRun]:
        """One run for each seed, at the epochs of this bench."""
        recipe = replace(recipe, epochs=self.epochs)
        found = []
        for seed in self.seeds if seeds is None else seeds:
            if (recipe, seed) not in self.done:
                self.done[recipe, seed] = run(self.task, recipe, seed)
                if self.ran:
                    self.ran(self.task.name)
            found.append(self.done[recipe, seed])
        return found


SOURCE = ClaimRecipe()
LATER = replace(SOURCE, norm="group", activation="gelu", dropout=0.05)
"""What the source changed to: GroupNorm, GELU, less dropout."""


def batch_sizes(runs: Runs) -> Decided:
    """Bigger batches train worse at the same epochs."""
    epochs = {b: runs.get(with_batch(SOURCE, b)) for b in SIZES}
    steps = {b: runs.get(with_batch(SOURCE, b, runs.steps)) for b in SIZES}
    by_epochs = {b: _mean(found, "top1") for b, found in epochs.items()}
    by_steps = {b: _mean(found, "top1") for b, found in steps.items()}
    gaps = [max(by[1], by[8]) - by[32] for by in (by_epochs, by_steps)]
    figures = {
        "epochs": runs.epochs,
        "top1_at_equal_epochs": _named(by_epochs),
        "steps_at_equal_epochs": _named({b: found[0].steps for b, found in epochs.items()}),
        "top1_at_equal_steps": _named(by_steps),
        "equal_steps": runs.steps,
        "lowest_batch_32_at_equal_steps": min(one.top1 for one in steps[32]),
    }
    return figures, *verdicts.large_batches(*gaps)


def pure_batches(runs: Runs) -> Decided:
    """Class-pure batches help."""
    orders: dict[str, ClaimRecipe] = {
        "shuffled": SOURCE,
        "pure_in_random_order": replace(SOURCE, batching="homogeneous"),
        "pure_class_after_class": replace(SOURCE, batching="class after class"),
        "batch_1_class_after_class": replace(SOURCE, batch=1, batching="class after class"),
    }
    figures = {name: _losses(runs.get(recipe)) for name, recipe in orders.items()}
    pure = [figures[n]["top1"] for n in ("pure_in_random_order", "pure_class_after_class")]
    verdict, says = verdicts.pure_batches(figures["shuffled"]["top1"], pure)
    worst = figures["batch_1_class_after_class"]
    says += (
        f"; one clip at a time, class after class: {worst['running']:.3f} printed,"
        f" {worst['true']:.3f} true, {worst['constant']:.3f} for a constant"
    )
    return figures, verdict, says


def modest_help(runs: Runs) -> Decided:
    """GELU, dropout 0.05 and GroupNorm help."""
    seeds = runs.option_seeds
    base = runs.get(SOURCE, seeds)
    changed = {
        "gelu": replace(SOURCE, activation="gelu"),
        "dropout_0.05": replace(SOURCE, dropout=0.05),
        "group_norm": replace(SOURCE, norm="group"),
        "all_three": LATER,
    }
    figures: dict[str, Any] = {"base": {"top1": _mean(base, "top1"), "r2": _mean(base, "r2")}}
    for name, recipe in changed.items():
        figures[name] = _difference(runs.get(recipe, seeds), base)
    return figures, *verdicts.helps(_compared(runs.get(LATER, seeds), base))


def per_class_loss(runs: Runs) -> Decided:
    """Per-class MSE helps, classes being balanced."""
    base = runs.get(SOURCE, runs.option_seeds)
    changed = runs.get(replace(SOURCE, loss="per-class"), runs.option_seeds)
    figures = {"shuffled_batches": _difference(changed, base)}
    even = replace(SOURCE, batching="balanced")
    figures["one_clip_per_class_a_batch"] = _difference(
        runs.get(replace(even, loss="per-class")), runs.get(even)
    )
    return figures, *verdicts.helps(_compared(changed, base))


def light_recipe(runs: Runs) -> Decided:
    """The light recipe does not mind the batch size."""
    source = {b: _mean(runs.get(with_batch(SOURCE, b)), "top1") for b in SIZES}
    light = {b: runs.get(with_batch(LIGHT, b)) for b in SIZES}
    top1 = {b: _mean(found, "top1") for b, found in light.items()}
    figures = {
        "epochs": runs.epochs,
        "source_top1": _named(source),
        "light_top1": _named(top1),
        "light_r2": _named({b: _mean(found, "r2") for b, found in light.items()}),
        "light_diversity": _named({b: _mean(found, "diversity") for b, found in light.items()}),
    }
    return figures, *verdicts.light_recipe([*source.values()], [*top1.values()])


def _losses(found: Sequence[ClaimRun]) -> dict[str, float]:
    return {
        "top1": _mean(found, "top1"),
        "running": _mean(found, "running"),
        "true": _mean(found, "train_loss"),
        "constant": _mean(found, "train_constant"),
        "class_entropy": _mean(found, "entropy"),
    }


def _difference(ours: Sequence[ClaimRun], theirs: Sequence[ClaimRun]) -> dict[str, float]:
    r2 = _compared(ours, theirs)
    return {
        "top1": _mean(ours, "top1") - _mean(theirs, "top1"),
        "r2": r2.mean,
        "r2_low": r2.low,
        "r2_high": r2.high,
    }


def _compared(ours: Sequence[ClaimRun], theirs: Sequence[ClaimRun]) -> verdicts.Compared:
    return verdicts.compared([one.r2 for one in ours], [one.r2 for one in theirs])


def _mean(found: Sequence[ClaimRun], name: str) -> float:
    return float(np.mean([getattr(one, name) for one in found]))


def _named(by_size: dict[int, Any]) -> dict[str, Any]:
    return {f"batch_{size}": value for size, value in by_size.items()}
