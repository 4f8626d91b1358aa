"""The source design as a training task.

Legend: B windows, L positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import ConfigError, DataError
from partimento.music.amt_tokens import DURATION, TYPES, UNK, VOCABULARY, token_types
from partimento.music.barpiece import TICKS
from partimento.nn.losses import token_nll
from partimento.tasks.text2midi.bucketing import bucketed_batches
from partimento.tasks.text2midi.source_data import (
    SEMANTIC_PREFIX,
    Codebook,
    SourceBatch,
    SourcePiece,
    collate,
    piece_windows,
    read_parts,
    sequences_hash,
    statistics,
)
from partimento.tasks.text2midi.source_model import SourceTransformer
from partimento.tasks.text2midi.source_recipe import SourceRecipe
from partimento.training.optim import build_optimizer
from partimento.training.samplers import keyed_rng
from partimento.training.task import LossOutput

VALID_BATCH = 16
MODEL_CLASS = "partimento.tasks.text2midi.source_model:SourceTransformer"


class SourceTask:
    """Trains :class:`SourceTransformer`; implements :class:`partimento.training.task.Task`.

    Every window of every piece is met once an epoch, with others of similar length.  The loss is
    the mean over real tokens: neither padding nor the given semantic token counts, in the loss as
    in the accuracy.
    """

    monitor = "valid_nats_per_token"

    def __init__(
        self,
        recipe: SourceRecipe,
        train: Sequence[SourcePiece],
        valid: Sequence[SourcePiece],
        codebook: Codebook | None = None,
        recipe_file: str = "",
    ) -> None:
        if not train or not valid:
            raise DataError("training needs a piece to learn from and one to validate")
        if recipe.training.optimizer.name == "task":
            raise ConfigError("the source design brings no optimiser along: use adamw")
        self.recipe, self.recipe_file, self.codebook = recipe, recipe_file, codebook
        self.pieces, self.full_length = list(train), recipe.model.context
        self.windows = piece_windows(train, self.full_length)
        held_out = piece_windows(valid, self.full_length)[: recipe.data.valid_windows]
        # Long and short apart: less padding, the same figures.
        self.valid = sorted(held_out, key=len)
        with torch.random.fork_rng():
            torch.manual_seed(recipe.training.seed)
            self.model = SourceTransformer(recipe.model)
        self._order = lru_cache(maxsize=2)(self._epoch_order)

    # -- training ---------------------------------------------------------------------------------

    def _epoch_order(self, epoch: int) -> list[np.ndarray]:
        rng = keyed_rng(self.recipe.training.seed, "buckets", epoch)
        lengths = [len(window) for window in self.windows]
        return bucketed_batches(
            lengths, self.recipe.training.batch_size, self.recipe.data.buckets, rng
        )

    def batches(self, epoch: int, length: int) -> int:
        """Batches of one epoch."""
        return len(self._order(epoch))

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> SourceBatch:
        """Windows of similar length."""
        return collate([self.windows[i] for i in self._order(epoch)[index]])

    def training_loss(self, batch: SourceBatch) -> LossOutput:
        """Mean nats of the real tokens; accuracy and nats per note in the log."""
        logits_NV = self.model(batch.input_BL)[batch.keep_BL].float()
        target_N = batch.target_BL[batch.keep_BL]
        loss = token_nll(logits_NV, target_N).mean()
        notes = (target_N >= DURATION).sum().clamp_min(1)
        logs = {
            "nats_per_token": loss.detach(),
            "nats_per_note": loss.detach() * len(target_N) / notes,
            "accuracy": (logits_NV.detach().argmax(-1) == target_N).float().mean(),
        }
        return LossOutput(loss, logs)

    # -- validation -------------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Nats, perplexity and accuracy per real token of held-out windows, and nats by type."""
        self.model.eval()
        device = self.model.embedding.weight.device
        nats, counts, right = np.zeros(len(TYPES)), np.zeros(len(TYPES), dtype=np.int64), 0
        for start in range(0, len(self.valid), VALID_BATCH):
            batch = collate(self.valid[start : start + VALID_BATCH])
            logits = self.model(batch.input_BL.to(device)).float().cpu()[batch.keep_BL]
            target = batch.target_BL[batch.keep_BL]
            kind = token_types(target.numpy())
            found = token_nll(logits, target).double().numpy()
            nats += np.bincount(kind, weights=found, minlength=len(TYPES))
            counts += np.bincount(kind, minlength=len(TYPES))
            right += int((logits.argmax(-1) == target).sum())
        total = max(1, int(counts.sum()))
        per_token = float(nats.sum()) / total
        by_type = {
            f"valid_{name.lower()}_nats": float(n) / max(1, int(c))
            for name, n, c in zip(TYPES, nats, counts, strict=True)
        }
        return {
            "valid_nats_per_token": per_token,
            "valid_perplexity": float(np.exp(per_token)),
            "valid_nats_per_note": float(nats.sum()) / max(1, int(counts[TYPES.index("NOTE")])),
            "valid_accuracy": right / total,
            **by_type,
        }

    # -- optimiser, weights -----------------------------------------------------------------------

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """What the recipe names."""
        return [build_optimizer(self.model, self.recipe.training.optimizer)]

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """One safetensors file, the network in bfloat16, with codebook and card."""
        state = self.model.state_dict()
        if self.recipe.model.tied:
            state.pop("out.weight")
        tensors = {name: tensor.to(torch.bfloat16) for name, tensor in state.items()}
        if self.codebook is not None:
            arrays = self.codebook.arrays()
            tensors |= {SEMANTIC_PREFIX + n: torch.from_numpy(a) for n, a in arrays.items()}
        save_checkpoint(path, tensors, self.metadata(metrics))

    def metadata(self, metrics: dict[str, float]) -> CheckpointMeta:
        """Configuration, scheme, codebook, statistics of the data, figures and card."""
        figures = statistics(self.pieces)
        vocabulary: dict[str, Any] = {
            "scheme": "amt",
            "tokens": VOCABULARY,
            "ticks_per_quarter": TICKS,
            "unknown": UNK,
            "statistics": {**figures, "cluster_sizes": _named(figures["cluster_sizes"])},
            "semantic": None if self.codebook is None else self.codebook.meta(),
        }
        return CheckpointMeta(
            model_class=MODEL_CLASS,
            config=self.recipe.model.model_dump(),
            vocabulary=vocabulary,
            data_hash=sequences_hash(self.pieces),
            metrics=metrics,
            card=Card(
                **self.recipe.card.model_dump(),
                task="text2midi",
                recipe=self.recipe_file,
                parameters=sum(p.numel() for p in self.model.parameters()),
                metrics=metrics,
            ),
        )


def _named(sizes: dict[int, int]) -> dict[str, int]:
    return {str(number): size for number, size in sizes.items()}


def build(recipe: SourceRecipe, recipe_file: str) -> SourceTask:
    """The task of a recipe, with its pieces read and its codebook fitted."""
    train, valid, codebook = read_parts(recipe.data, recipe.training.seed)
    return SourceTask(recipe, train, valid, codebook, recipe_file)
