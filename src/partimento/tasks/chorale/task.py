"""The source network as a training task."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import DataError
from partimento.nn.losses import masked_mean, token_nll
from partimento.tasks.chorale.api import CHANNELS, SILENCE, VOCABULARY, tokens_of, truth_nll
from partimento.tasks.chorale.data import Windows, cut_windows, data_hash, find_pieces
from partimento.tasks.chorale.metrics import explain_loss, loss_figures
from partimento.tasks.chorale.model import START, HarmonicNetwork
from partimento.tasks.chorale.recipe import SourceRecipe
from partimento.training.optim import build_adamw
from partimento.training.samplers import epoch_windows, keyed_rng
from partimento.training.task import LossOutput


class SourceTask:
    """Trains :class:`HarmonicNetwork` on windows; implements :class:`partimento.training.Task`.

    The loss is the negative log likelihood in nats per frame: the sum over the four channels.
    Validation slides over whole pieces at the full sequence length, whatever the curriculum does.
    """

    monitor = "valid_nats_per_frame"

    def __init__(
        self,
        recipe: SourceRecipe,
        train: list[np.ndarray],
        valid: list[np.ndarray],
        recipe_file: str = "",
    ) -> None:
        if not train or not valid:
            raise DataError("training needs at least one piece to learn from and one to validate")
        self.recipe, self.train_grids, self.valid_grids = recipe, train, valid
        self.recipe_file = recipe_file
        self._tokens = [tokens_of(grid) for grid in train]
        self.full_length = recipe.model.seq_len
        with torch.random.fork_rng():
            torch.manual_seed(recipe.training.seed)
            self.model = HarmonicNetwork(recipe.model)
        self._rows = lru_cache(maxsize=2)(self._cut_epoch)

    @classmethod
    def from_recipe(cls, recipe: SourceRecipe, recipe_file: str = "") -> SourceTask:
        """Read the data that the recipe names."""
        data = recipe.data
        train = find_pieces(data.file, data.train_split)
        valid = find_pieces(data.file, data.valid_split)
        return cls(recipe, train, valid, recipe_file)

    def _cut_epoch(self, epoch: int, length: int) -> np.ndarray:
        rng = keyed_rng(self.recipe.training.seed, "windows", epoch)
        return epoch_windows([len(g) for g in self.train_grids], length, rng)

    def batches(self, epoch: int, length: int) -> int:
        """Batches that meet every frame of the training part once."""
        return -(-len(self._rows(epoch, length)) // self.recipe.training.batch_size)

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> Windows:
        """Windows of ``length`` steps."""
        size = self.recipe.training.batch_size
        rows = self._rows(epoch, length)[index * size : (index + 1) * size]
        widest = self.recipe.data.transpose
        shifts = rng.integers(-widest, widest + 1, len(rows)) if widest else None
        return cut_windows(self._tokens, rows, length, shifts)

    def training_loss(self, batch: Windows) -> LossOutput:
        """Nats per frame, with the loss of every channel."""
        nll_BTC = token_nll(self.model(batch.input_BTC), batch.target_BTC)
        voices = [masked_mean(nll_BTC[..., c], batch.keep_BT) for c in range(len(CHANNELS))]
        figures = loss_figures([float(v.detach()) for v in voices])
        # Perplexity and bits are left out: their means over steps say nothing.
        logs = {name: value for name, value in figures.items() if "nats" in name}
        return LossOutput(torch.stack(voices).sum(), logs)

    def validate(self) -> dict[str, float]:
        """Loss over whole validation pieces; every frame sees at least half a window."""
        stride = max(1, self.recipe.model.seq_len // 2)
        losses = [
            truth_nll(self.model.step_log_probs(grid, stride=stride), grid)
            for grid in self.valid_grids
        ]
        figures = explain_loss(np.concatenate(losses))
        return {f"valid_{name}": value for name, value in figures.items()}

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """AdamW."""
        return [build_adamw(self.model, self.recipe.training.optimizer)]

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """Write the network with its card."""
        save_checkpoint(path, self.model.state_dict(), self.metadata(metrics))

    def metadata(self, metrics: dict[str, float]) -> CheckpointMeta:
        """What the checkpoint tells about itself."""
        recipe = self.recipe
        parameters = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        card = Card(
            **recipe.card.model_dump(),
            task="chorale",
            recipe=self.recipe_file,
            parameters=parameters,
            metrics={k: round(v, 5) for k, v in metrics.items()},
        )
        return CheckpointMeta(
            model_class=f"{HarmonicNetwork.__module__}:{HarmonicNetwork.__name__}",
            config=recipe.model.model_dump(mode="json"),
            vocabulary={"pitches": 128, "silence": SILENCE, "start": START, "size": VOCABULARY},
            data_hash=data_hash(self.train_grids),
            metrics=metrics,
            card=card,
        )
