"""The networks under a protocol: one run folder per fold, resumed where it was stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.runs import RunFolder
from partimento.tasks.critique.data import LabelledClips, data_hash
from partimento.tasks.critique.network import TrainedNetwork, load_network
from partimento.tasks.critique.network_recipe import NetworkRecipe
from partimento.tasks.critique.network_task import NetworkTask


@dataclass(frozen=True)
class FittedNetwork:
    """A network trained on one fold; see :class:`partimento.tasks.critique.protocols.Fitted`."""

    network: TrainedNetwork
    clips: LabelledClips
    facts: dict[str, Any]

    def predict(self, index: np.ndarray) -> np.ndarray:
        """Scores (n, 19) of clips by index."""
        return self.network.predict(self.clips.part(index).features)


@dataclass(frozen=True)
class NetworkPredictor:
    """Trains what a recipe says on the training part, and keeps its best epoch on validation.

    ``number`` is added to the recipe's seed.  Each fold has a run folder in ``out``, named by
    everything that it depends on; one that was stopped is resumed, one that is done is read.  The
    fold that the recipe names does not matter.
    """

    recipe: NetworkRecipe
    clips: LabelledClips
    out: Path
    number: int = 0
    device: str = "cpu"

    def fit(self, train: np.ndarray, valid: np.ndarray) -> FittedNetwork:
        """The network with the lowest error on ``valid``."""
        from partimento.training.trainer import fit

        training = self.recipe.training
        seeded = training.model_copy(update={"seed": training.seed + self.number})
        recipe = self.recipe.model_copy(update={"training": seeded})
        learnt, chosen_on = self.clips.part(train), self.clips.part(valid)
        task = NetworkTask(recipe, learnt, chosen_on)
        folder = self.out / f"{self.number:04d}-{_fingerprint(recipe, learnt, chosen_on)}"
        started = (folder / "config.yaml").is_file()
        run = RunFolder.open(folder) if started else RunFolder.create(folder, recipe, "kfold")
        saved = started and any(run.checkpoints.iterdir())
        result = fit(task, seeded, run, resume=saved, device=self.device, progress=False)
        facts = {
            "epochs": result.epochs,
            "best_epoch": result.best.get("epoch"),
            "beats": _range([len(np.unique(clip.beat)) for clip in learnt.features]),
            "measures": _range([len(np.unique(clip.measure)) for clip in learnt.features]),
            "parameters": sum(p.numel() for p in task.model.parameters()),
            "seconds": round(result.seconds, 1),
        }
        weights = result.best_weights or result.last_weights
        return FittedNetwork(load_network(weights, self.device), self.clips, facts)


def _fingerprint(recipe: NetworkRecipe, train: LabelledClips, valid: LabelledClips) -> str:
    # Where the files lie, and which fold the recipe names, has no effect.
    settings = recipe.model_dump_json(include={"model", "attention", "training"})
    text = f"{settings} {data_hash(train)} {data_hash(valid)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _range(counts: Sequence[int]) -> list[int]:
    return [min(counts), max(counts)]
