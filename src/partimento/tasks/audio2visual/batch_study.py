"""What the batch size does: the same training at several sizes, by epochs and by steps.

At equal epochs a batch of 32 makes a thirty-second of the steps of a batch of one.  A recipe
whose rate and length fit one size therefore fails at another, and "large batches train worse" is
concluded; at equal steps they do not.  The light recipe makes up for it: see :data:`LIGHT`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from partimento.core.config import validate_config
from partimento.tasks.audio2visual.source_data import LabelledFrames, Targets
from partimento.tasks.audio2visual.source_recipe import LightRecipe, SourceRecipe
from partimento.tasks.audio2visual.source_task import TextSpaceTask
from partimento.training.samplers import keyed_rng
from partimento.training.schedule import rates

SIZES = (1, 8, 16, 32)
Rule = Literal["epochs", "steps"]
RULES: tuple[Rule, ...] = ("epochs", "steps")

SOURCE: dict[str, Any] = {
    "kind": "source",
    "model": {
        "targets": ["clip"],
        "adapter": {
            "hidden": 128,
            "width": 64,
            "norm": "layer",
            "activation": "relu",
            "dropout": 0.1,
        },
        "clip": {"width": 64, "heads": 4},
    },
    "data": {"zscore": False},
    "training": {
        "patience": 0,
        "optimizer": {"lr": 1e-4, "weight_decay": 1e-4},
        "schedule": {"kind": "fixed"},
        "curriculum": {"on": False},
    },
}
"""The source's recipe, narrower: raw targets, one constant rate for every batch size."""

LIGHT: dict[str, Any] = {
    "kind": "light",
    "training": {
        "patience": 0,
        "optimizer": {"lr": 1e-3, "weight_decay": 0.01},
        "schedule": {"kind": "cosine", "warmup_steps": 20},
        "curriculum": {"on": False},
    },
}
"""The light recipe: z-scored targets, linear output, warm-up and cosine.

Its rate is that of a batch of one; at equal epochs it grows with the square root of the batch
(:func:`scaled_rate`), as the noise of Adam's step asks (Malladi et al. 2022).
"""


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One training of the study, measured on the validation clips."""

    design: str
    rule: Rule
    batch_size: int
    seed: int
    steps: int
    top1: float
    r2: float


@dataclass(frozen=True)
class BatchStudy:
    """All trainings of a study."""

    runs: tuple[StudyRun, ...]

    def top1(self, design: str, rule: Rule, size: int) -> tuple[float, float]:
        """Mean and standard deviation of the top-1 over the seeds."""
        found = [
            r.top1 for r in self.runs if (r.design, r.rule, r.batch_size) == (design, rule, size)
        ]
        return float(np.mean(found)), float(np.std(found))

    def spread(self, design: str, rule: Rule) -> float:
        """Best minus worst batch size, each the mean over the seeds."""
        sizes = {r.batch_size for r in self.runs if (r.design, r.rule) == (design, rule)}
        means = [self.top1(design, rule, size)[0] for size in sizes]
        return max(means) - min(means)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: by design and rule the top-1 of each size, its deviation, and the spread."""
        result: dict[str, Any] = {}
        for design in dict.fromkeys(r.design for r in self.runs):
            for rule in dict.fromkeys(r.rule for r in self.runs):
                some = [r for r in self.runs if (r.design, r.rule) == (design, rule)]
                rows = {}
                for size in dict.fromkeys(r.batch_size for r in some):
                    mean, deviation = self.top1(design, rule, size)
                    here = [r for r in some if r.batch_size == size]
                    rows[str(size)] = {
                        "top1": round(mean, 4),
                        "top1_std": round(deviation, 4),
                        "r2": round(float(np.mean([r.r2 for r in here])), 4),
                        "steps": here[0].steps,
                    }
                spread = round(self.spread(design, rule), 4)
                result.setdefault(design, {})[rule] = {"sizes": rows, "spread": spread}
        return result


def scaled_rate(lr: float, batch_size: int) -> float:
    """The rate for a batch size, given that for one clip: times the square root of the size."""
    return lr * math.sqrt(batch_size)


def batch_study(
    folds: Sequence[tuple[LabelledFrames, LabelledFrames]],
    targets: Targets,
    designs: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    sizes: Sequence[int] = SIZES,
    rules: Sequence[Rule] = RULES,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 30,
    steps: int = 600,
    progress: Callable[[int, int, str], None] | None = None,
) -> BatchStudy:
    """Train every design at every size by both rules, with every seed.

    ``folds`` holds pairs of training and validation clips; seed number i takes pair i modulo their
    number.  ``designs`` maps a name to the values of a recipe; without it source and light.
    """
    chosen = designs or {"source": SOURCE, "light": LIGHT}
    plan = [(d, r, b, s) for d in chosen for r in rules for b in sizes for s in seeds]
    runs = []
    for number, (design, rule, size, seed) in enumerate(plan):
        if progress is not None:
            progress(number, len(plan), f"{design}, batch {size}, equal {rule}")
        train, valid = folds[list(seeds).index(seed) % len(folds)]
        recipe = study_recipe(chosen[design], rule, size, seed, epochs=epochs, steps=steps)
        targets_here = Targets(targets.tables, recipe.data.zscore, targets.source)
        task = TextSpaceTask(recipe, train, valid, targets_here)
        made = fit_plain(task)
        figures = next(iter(task.figures(valid).values()))
        runs.append(StudyRun(design, rule, size, seed, made, figures.top1, figures.r2))
    return BatchStudy(tuple(runs))


def study_recipe(
    values: Mapping[str, Any], rule: Rule, size: int, seed: int, *, epochs: int, steps: int
) -> SourceRecipe | LightRecipe:
    """The recipe of one training of the study.

    A recipe of kind ``light`` has its rate scaled with the batch, where epochs are equal.
    """
    training = {**values.get("training", {}), "batch_size": size, "seed": seed}
    training |= {"max_epochs": epochs} if rule == "epochs" else {"max_steps": steps}
    light = values["kind"] == "light"
    if light and rule == "epochs":
        optimizer = dict(training.get("optimizer", {}))
        training["optimizer"] = optimizer | {"lr": scaled_rate(optimizer["lr"], size)}
    schema: Any = LightRecipe if light else SourceRecipe
    recipe: SourceRecipe | LightRecipe = validate_config(
        schema, {**values, "training": training}, "batch study"
    )
    return recipe


def fit_plain(task: TextSpaceTask) -> int:
    """Train without run folder, logs and validation; returns the steps made.

    The same steps as :func:`partimento.training.trainer.fit` makes on one processor.
    """
    config, model = task.recipe.training, task.model
    (optimizer,) = task.optimizers()
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    batches = task.batches(0, 1)
    each = -(-batches // config.accumulate)
    total = config.max_steps or config.max_epochs * each
    clip = config.clip or math.inf
    model.train()
    with torch.random.fork_rng():
        for step in range(total):
            epoch, index = divmod(step, each)
            numbers = range(
                index * config.accumulate, min((index + 1) * config.accumulate, batches)
            )
            torch.manual_seed(int(keyed_rng(config.seed, "step", step).integers(2**62)))
            scale = rates(config.schedule, step, total).lr_scale
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * scale
            optimizer.zero_grad(set_to_none=True)
            for number in numbers:
                rng = keyed_rng(config.seed, "batch", epoch, number)
                output = task.training_loss(task.batch(epoch, number, 1, rng))
                (output.loss / len(numbers)).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    return total
