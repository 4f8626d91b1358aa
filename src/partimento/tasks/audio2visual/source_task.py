"""The source design and the light one as a training task.

Legend: B clips, K classes, E... the shape of a target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from partimento.core.errors import ConfigError, DataError
from partimento.tasks.audio2visual.source_data import LabelledFrames, Targets, read_parts
from partimento.tasks.audio2visual.source_losses import class_weights, text_loss
from partimento.tasks.audio2visual.source_metrics import TextSpaceFigures, text_space_figures
from partimento.tasks.audio2visual.source_model import FrameBatch, LightModel, build_network
from partimento.tasks.audio2visual.source_optim import head_optimizer, processes, steps_of
from partimento.tasks.audio2visual.source_recipe import LightRecipe, SourceRecipe
from partimento.tasks.audio2visual.source_weights import save_text_weights
from partimento.training.class_samplers import ClassBatches
from partimento.training.task import LossOutput

EVALUATED_TOGETHER = 16
TRUE_LOSS_CLIPS = 64
"""Training clips whose loss is measured in evaluation mode, beside the running one."""


class ClassedBatch(NamedTuple):
    """B clips and their classes.

    ``share`` is what the batch counts among the batches of its step: 1 but for a smaller one, so
    that the accumulated gradient is that of one large batch.
    """

    sounds: FrameBatch
    classes_B: Tensor
    share: float


class TextSpaceTask:
    """Trains towards the prompts of a bank; implements :class:`partimento.training.task.Task`.

    The monitored figure is ``valid_error``: the squared error of the embeddings in evaluation mode
    as a share of what the mean target makes, averaged over the heads; 1 is a constant.
    """

    monitor = "valid_error"
    full_length = 1

    def __init__(
        self,
        recipe: SourceRecipe | LightRecipe,
        train: LabelledFrames,
        valid: LabelledFrames,
        targets: Targets,
        recipe_file: str = "",
    ) -> None:
        if not len(train) or not len(valid):
            raise DataError("training needs clips to learn from and clips to validate on")
        if len(set(train.classes_N.tolist())) < 2:
            raise DataError("training needs clips of two classes at least", where="data.classes")
        self.recipe, self.recipe_file = recipe, recipe_file
        self.train, self.valid, self.targets = train, valid, targets
        shapes = {name: tuple(table.shape[1:]) for name, table in targets.tables.items()}
        with torch.random.fork_rng():
            torch.manual_seed(recipe.training.seed)
            self.model = build_network(recipe.model, train.widths, shapes)
        self._fit_scales()
        self.sampler = self._sampler()
        self._epoch = lru_cache(maxsize=2)(self.sampler.batches)
        counts = np.bincount(train.classes_N, minlength=len(train.labels)).tolist()
        self.class_weights_K = class_weights(
            train.labels, counts, recipe.loss.class_weights if _weighted(recipe) else {}
        )

    def _sampler(self) -> ClassBatches:
        training, batching = self.recipe.training, self.recipe.batching
        try:
            return ClassBatches(
                self.train.classes_N,
                training.batch_size,
                batching.mode,
                training.seed,
                batching.per_class,
            )
        except ValueError as error:
            raise ConfigError(str(error), where="batching") from error

    def _fit_scales(self) -> None:
        """Statistics of the training clips: of their targets, and of what is pooled."""
        for name in self.targets.tables:
            mean, scale = self.targets.statistics(name, self.train.classes_N)
            self.model.scale(name).set(mean, scale)
        if isinstance(self.model, LightModel):
            pooled = [self.model.pooled(sounds) for sounds, _ in self._in_order(self.train)]
            self.model.set_pooled(torch.cat(pooled))

    # -- training ---------------------------------------------------------------------------------

    def batches(self, epoch: int, length: int) -> int:
        """Batches of one epoch."""
        return len(self.sampler)

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> ClassedBatch:
        """Clips of the epoch's order; ``length`` and ``rng`` are not needed."""
        parts = self._epoch(epoch)
        together = self.recipe.training.accumulate * processes()
        first = index // together * together
        step = [len(part) for part in parts[first : first + together]]
        share = len(parts[index]) * len(step) / sum(step)
        return ClassedBatch(self.train.batch(parts[index]), self._classes(parts[index]), share)

    def _classes(self, chosen: np.ndarray) -> Tensor:
        return torch.from_numpy(self.train.classes_N[chosen])

    def training_loss(self, batch: ClassedBatch) -> LossOutput:
        """The heads' losses, weighted; each part in the log."""
        predicted = self.model(batch.sounds)
        device = batch.classes_B.device
        weights = self.class_weights_K.to(device)
        logs: dict[str, float | Tensor] = {}
        total = torch.zeros((), device=device)
        for name, values in predicted.items():
            table = self._table(name, device)
            loss, parts = text_loss(
                self.recipe.loss, values.float(), table, batch.classes_B, weights
            )
            total = total + getattr(self.recipe.loss, name) * loss
            logs |= {f"{name}_{part}": value for part, value in parts.items()}
        return LossOutput(total * batch.share, logs)

    def _table(self, target: str, device: torch.device) -> Tensor:
        """The classes' targets (K, E...) as the network predicts them."""
        return self.model.scale(target).scores(self.targets.tables[target].to(device))

    # -- validation -------------------------------------------------------------------------------

    def validate(self) -> dict[str, float]:
        """Figures of the validation clips, and the true loss of some training clips.

        The figures of each head carry its name; those of the first head stand also without one,
        and ``train_true_mse`` is of that head too.
        """
        found = self.figures(self.valid)
        metrics: dict[str, float] = {}
        for name, figures in found.items():
            metrics |= {
                f"valid_{name}_mse": figures.mse,
                f"valid_{name}_constant_mse": figures.constant_mse,
                f"valid_{name}_top1": figures.top1,
                f"valid_{name}_r2": figures.r2,
                f"valid_{name}_diversity": figures.diversity,
            }
        first = next(iter(found))
        for figure in ("mse", "top1", "r2", "diversity"):
            metrics[f"valid_{figure}"] = metrics[f"valid_{first}_{figure}"]
        some = np.linspace(0, len(self.train) - 1, min(len(self.train), TRUE_LOSS_CLIPS))
        seen = self.figures(self.train.part(some.astype(np.int64)))[first]
        metrics["train_true_mse"] = seen.mse
        metrics["valid_error"] = float(np.mean([1.0 - figures.r2 for figures in found.values()]))
        return metrics

    def figures(self, clips: LabelledFrames) -> dict[str, TextSpaceFigures]:
        """Figures by target of clips as the network stands, in evaluation mode."""
        predicted = self.predict(clips)
        return {
            name: text_space_figures(
                predicted[name],
                clips.classes_N,
                table.numpy(),
                self.targets.mean(name, self.train.classes_N).numpy(),
            )
            for name, table in self.targets.tables.items()
        }

    @torch.no_grad()
    def predict(self, clips: LabelledFrames) -> dict[str, np.ndarray]:
        """Embeddings (N, E...) by target, float32."""
        was = self.model.training
        self.model.eval()
        device = next(self.model.parameters()).device
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self.targets.tables}
        for sounds, _ in self._in_order(clips):
            moved = FrameBatch(*({k: v.to(device) for k, v in part.items()} for part in sounds))
            for name, values in self.model.embed(moved).items():
                parts[name].append(values.float().cpu().numpy())
        self.model.train(was)
        return {name: np.concatenate(found) for name, found in parts.items()}

    @staticmethod
    def _in_order(clips: LabelledFrames) -> Iterator[tuple[FrameBatch, np.ndarray]]:
        for start in range(0, len(clips), EVALUATED_TOGETHER):
            chosen = np.arange(start, min(start + EVALUATED_TOGETHER, len(clips)))
            yield clips.batch(chosen), chosen

    # -- optimisers, weights ----------------------------------------------------------------------

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """One, its groups by head."""
        training = self.recipe.training
        heads = {name: self.model.heads[name] for name in self.targets.tables}
        total = steps_of(training, len(self.sampler))
        return [head_optimizer(heads, training.optimizer, dict(self.recipe.rates), total)]

    def save_weights(self, path: Path, metrics: Mapping[str, float]) -> None:
        """Write the network with its scales, the classes' prompts and its card."""
        save_text_weights(path, self, metrics)

    def describe(self) -> dict[str, Any]:
        """What of the data and the recipe belongs to the weights."""
        data = self.recipe.data
        return {
            "encoders": list(self.train.encoders),
            "cls_only": data.cls_only,
            "train_folds": list(data.train_folds),
            "valid_folds": list(data.valid_folds),
            "bank": self.targets.source,
        }


def _weighted(recipe: SourceRecipe | LightRecipe) -> bool:
    return "weighted" in recipe.loss.parts()


def build(recipe: SourceRecipe | LightRecipe, recipe_file: str) -> TextSpaceTask:
    """The task of a recipe, with its clips heard and its targets read."""
    train, valid, targets = read_parts(recipe.data, recipe.model.targets)
    return TextSpaceTask(recipe, train, valid, targets, recipe_file)
