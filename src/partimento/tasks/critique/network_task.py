"""The networks as a training task.

Shape suffixes: B clips, K 19 dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import DataError
from partimento.music.critique_features import NoteFeatures, Standard
from partimento.music.dimensions import NAMES
from partimento.tasks.critique.data import LabelledClips, data_hash, read_parts
from partimento.tasks.critique.metrics import mse, r2_mean
from partimento.tasks.critique.model import ClipNetwork
from partimento.tasks.critique.network import BATCH, MODEL_CLASS, move
from partimento.tasks.critique.network_recipe import NetworkRecipe
from partimento.tasks.critique.notes import NoteBatch, gather
from partimento.training.optim import build_optimizer
from partimento.training.samplers import keyed_rng
from partimento.training.task import LossOutput


class LabelledBatch(NamedTuple):
    """Notes of B clips and their labels (B, 19)."""

    notes: NoteBatch
    labels_BK: Tensor


class NetworkTask:
    """Trains :class:`ClipNetwork` on whole clips; implements :class:`partimento.training.Task`.

    Columns are standardised with statistics of the training clips.  Validation measures all
    validation clips at once: the squared error, which is monitored, and the mean R2 over the
    dimensions, of all clips and of those that a human played.
    """

    monitor = "valid_mse"
    full_length = 1

    def __init__(
        self,
        recipe: NetworkRecipe,
        train: LabelledClips,
        valid: LabelledClips,
        recipe_file: str = "",
        split: Mapping[str, Any] | None = None,
    ) -> None:
        if not len(train) or not len(valid):
            raise DataError("training needs clips to learn from and clips to validate on")
        self.recipe, self.recipe_file, self.split = recipe, recipe_file, dict(split or {})
        self.standard = Standard.fit(train.features)
        self.train, self.valid = train, valid
        self._train_notes = [self.standard.apply(clip) for clip in train.features]
        self._valid_notes = [self.standard.apply(clip) for clip in valid.features]
        with torch.random.fork_rng():
            torch.manual_seed(recipe.training.seed)
            self.model = ClipNetwork(recipe.model, len(self.standard.columns))
        self._order = lru_cache(maxsize=2)(self._draw_order)

    @classmethod
    def from_recipe(cls, recipe: NetworkRecipe, recipe_file: str = "") -> NetworkTask:
        """Read the fold that the recipe names; its test part is not looked at."""
        data, parts = recipe.data, read_parts(recipe.data)
        split = {"protocol": data.protocol, "split_seed": data.split_seed, "fold": data.fold}
        return cls(recipe, parts.train, parts.valid, recipe_file, split)

    # -- training ---------------------------------------------------------------------------------

    def _draw_order(self, epoch: int) -> np.ndarray:
        rng = keyed_rng(self.recipe.training.seed, "clips", epoch)
        return rng.permutation(len(self.train))

    def batches(self, epoch: int, length: int) -> int:
        """Batches of one epoch: every clip once."""
        return -(-len(self.train) // self.recipe.training.batch_size)

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> LabelledBatch:
        """Clips of the epoch's order; ``length`` and ``rng`` are not needed."""
        size = self.recipe.training.batch_size
        chosen = self._order(epoch)[index * size : (index + 1) * size]
        labels = torch.from_numpy(self.train.labels[chosen].astype(np.float32))
        return LabelledBatch(gather([self._train_notes[i] for i in chosen.tolist()]), labels)

    def training_loss(self, batch: LabelledBatch) -> LossOutput:
        """Squared error, and what the entropies add."""
        heard = self.model.hear(batch.notes)
        error = (heard.scores.float() - batch.labels_BK).square().mean()
        logs: dict[str, float | Tensor] = {"mse": error.detach()}
        logs |= {f"{name}_entropy": h.detach().mean() for name, h in heard.entropy.items()}
        attention, loss = self.recipe.attention, error
        if attention.entropy_weight:
            entropies = torch.stack(list(heard.entropy.values()))
            distance = (entropies - attention.entropy_target).square().mean()
            loss = error + attention.entropy_weight * distance
        return LossOutput(loss, logs)

    # -- validation -------------------------------------------------------------------------------

    def validate(self) -> dict[str, float]:
        """Squared error and mean R2 of the validation clips."""
        predicted = self.predict(self._valid_notes)
        labels, human = self.valid.labels, self.valid.human
        return {
            "valid_mse": mse(labels, predicted),
            "valid_r2": r2_mean(labels, predicted),
            "valid_r2_human": r2_mean(labels[human], predicted[human]),
        }

    @torch.no_grad()
    def predict(self, clips: list[NoteFeatures]) -> np.ndarray:
        """Scores (n, 19) of clips that are standardised already."""
        self.model.eval()
        device = self.model.embed.weight.device
        parts = [gather(clips[i : i + BATCH]) for i in range(0, len(clips), BATCH)]
        found = [self.model(move(notes, device)).float().cpu().numpy() for notes in parts]
        return np.concatenate(found).astype(np.float64)

    # -- optimisers, weights ----------------------------------------------------------------------

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """What the recipe names, with a rate of its own for attention."""
        optimizer = build_optimizer(self.model, self.recipe.training.optimizer)
        multiplier = self.recipe.attention.lr_multiplier
        if multiplier != 1.0:
            attention = {id(p) for p in self.model.attention_parameters()}
            for group in list(optimizer.param_groups):
                apart = [p for p in group["params"] if id(p) in attention]
                group["params"] = [p for p in group["params"] if id(p) not in attention]
                if apart:
                    rate = group["lr"] * multiplier
                    optimizer.add_param_group({**group, "params": apart, "lr": rate})
        return [optimizer]

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """Write the network with its statistics and its card."""
        save_checkpoint(path, self.model.state_dict(), self.metadata(metrics))

    def metadata(self, metrics: dict[str, float]) -> CheckpointMeta:
        """Configuration, columns with their statistics, hash of the training clips, and card."""
        card: dict[str, Any] = self.recipe.card.model_dump()
        standard = self.standard
        return CheckpointMeta(
            model_class=MODEL_CLASS,
            config={
                "network": self.recipe.model.model_dump(),
                "feature_set": self.recipe.data.feature_set,
                "split": self.split,
            },
            vocabulary={
                "dimensions": list(NAMES),
                "columns": list(standard.columns),
                "mean": standard.mean.tolist(),
                "scale": standard.scale.tolist(),
            },
            data_hash=data_hash(self.train),
            metrics=metrics,
            card=Card(
                **card,
                task="critique",
                recipe=self.recipe_file,
                parameters=sum(p.numel() for p in self.model.parameters()),
                metrics=metrics,
            ),
        )
