"""Small frames, targets and recipes for the tests of the source design."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from partimento.tasks.audio2visual.source_data import LabelledFrames, Targets
from partimento.tasks.audio2visual.source_recipe import LightRecipe, SourceRecipe
from partimento.tasks.audio2visual.source_task import TextSpaceTask

LABELS = ("Dog bark", "Rain", "Rooster", "Sea waves")
WIDTH = 12
SHAPES = {"clip": (24,), "t5": (5, 16)}
SMALL: dict[str, Any] = {
    "adapter": {"hidden": 16, "width": 8, "dropout": 0.0},
    "clip": {"width": 8, "heads": 2},
    "t5": {"width": 24, "heads": 2},
}
TRAINING: dict[str, Any] = {
    "batch_size": 4,
    "max_epochs": 3,
    "patience": 0,
    "log_every": 1,
    "optimizer": {"lr": 1e-2},
    "curriculum": {"on": False},
}


def made_frames(per_class: int = 4, seed: int = 0, classes: int = 4) -> LabelledFrames:
    """Clips of 3 to 6 frames around a mean of their class."""
    means = np.random.default_rng(99).standard_normal((classes, WIDTH))
    rng = np.random.default_rng(seed)
    numbers = np.tile(np.arange(classes), per_class)
    rows = [
        (means[c] + 0.3 * rng.standard_normal((int(rng.integers(3, 7)), WIDTH))).astype(np.float32)
        for c in numbers
    ]
    return LabelledFrames(LABELS[:classes], numbers.astype(np.int64), {"logmel": rows}, ("logmel",))


def made_targets(zscore: bool = True, classes: int = 4) -> Targets:
    """Random targets with a common mean, at small shapes."""
    draw = torch.Generator().manual_seed(5)
    tables = {
        name: torch.randn(shape, generator=draw)
        + 0.4 * torch.randn(classes, *shape, generator=draw)
        for name, shape in SHAPES.items()
    }
    return Targets(tables, zscore, {"source": "made"})


def made_recipe(model: dict[str, Any] | None = None, **values: Any) -> SourceRecipe:
    """A small recipe of the source design; ``values`` replace its parts."""
    training = {**TRAINING, **values.pop("training", {})}
    return SourceRecipe.model_validate(
        {"model": {**SMALL, **(model or {})}, "training": training, **values}
    )


def made_light(**training: Any) -> LightRecipe:
    """A small recipe of the light design."""
    return LightRecipe.model_validate(
        {
            "kind": "light",
            "model": {"hidden": 16, "dropout": 0.0},
            "training": {**TRAINING, **training},
        }
    )


def made_task(
    recipe: SourceRecipe | LightRecipe | None = None, per_class: int = 4
) -> TextSpaceTask:
    """A task on made frames, with the targets that the recipe's model has."""
    chosen = recipe or made_recipe()
    targets = made_targets(chosen.data.zscore)
    tables = {name: targets.tables[name] for name in chosen.model.targets}
    return TextSpaceTask(
        chosen,
        made_frames(per_class),
        made_frames(2, seed=1),
        Targets(tables, targets.zscore, targets.source),
    )
