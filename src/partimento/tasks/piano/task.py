"""The event models as a training task.

Legend: B crops, T positions, V 391 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import DataError
from partimento.music.events import EOS, EVENTS, NOTE_OFF, PAD, SHIFT, SOS, VELOCITY, VOCABULARY
from partimento.nn.losses import smoothed_nll, token_nll
from partimento.tasks.piano.data import (
    Crops,
    Take,
    Window,
    cut_crops,
    data_hash,
    read_takes,
    refuse_leaks,
    validation_windows,
)
from partimento.tasks.piano.event_recipe import EventRecipe
from partimento.tasks.piano.model import EventTransformer
from partimento.training.optim import build_optimizer, muon_and_adamw
from partimento.training.samplers import epoch_windows, keyed_rng
from partimento.training.task import LossOutput

TYPES = ("on", "off", "shift", "velocity")
FIRST_OF_TYPE = (0, NOTE_OFF, SHIFT, VELOCITY, EVENTS)
VALID_BATCH = 4


class EventTask:
    """Trains :class:`EventTransformer` on crops; implements :class:`partimento.training.Task`.

    The loss is the mean over real tokens, padding excluded.  Validation is the plain negative
    log likelihood of events of unseen works, without smoothing or variation, once as the model
    says it and once with the grammar's mask; :mod:`partimento.tasks.piano.data` says which events.
    """

    monitor = "valid_nats_per_note"

    def __init__(
        self,
        recipe: EventRecipe,
        train: Sequence[Take],
        valid: Sequence[Take],
        recipe_file: str = "",
    ) -> None:
        if not train or not valid:
            raise DataError("training needs a performance to learn from and one to validate")
        self.recipe, self.recipe_file = recipe, recipe_file
        self.train = list(train)
        self.full_length = recipe.model.context
        self.windows = validation_windows(valid, self.full_length, recipe.data.valid_windows)
        with torch.random.fork_rng():
            torch.manual_seed(recipe.training.seed)
            self.model = EventTransformer(recipe.model)
        self._plan = recipe.data.augmentation
        self._varied = bool(self._plan.transpose or self._plan.stretch or self._plan.velocity)
        self._rows = lru_cache(maxsize=2)(self._cut_epoch)

    @classmethod
    def from_recipe(cls, recipe: EventRecipe, recipe_file: str = "") -> EventTask:
        """Read the performances that the recipe names."""
        data = recipe.data
        train = read_takes(data, data.train_split)
        valid = read_takes(data, data.valid_split, data.valid_per_piece)
        if data.check_leaks:
            refuse_leaks(train, valid)
        return cls(recipe, train, valid, recipe_file)

    # -- training ---------------------------------------------------------------------------------

    def _cut_epoch(self, epoch: int, length: int) -> np.ndarray:
        rng = keyed_rng(self.recipe.training.seed, "crops", epoch)
        lengths = [len(take.sequence) - 1 for take in self.train]
        return epoch_windows(lengths, length, rng)[: self.recipe.data.epoch_crops]

    def batches(self, epoch: int, length: int) -> int:
        """Batches of one epoch."""
        return -(-len(self._rows(epoch, length)) // self.recipe.training.batch_size)

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> Crops:
        """Crops of ``length`` positions, varied as the recipe says."""
        size = self.recipe.training.batch_size
        rows = self._rows(epoch, length)[index * size : (index + 1) * size]
        return cut_crops(self.train, rows, length, self._plan, rng if self._varied else None)

    def training_loss(self, batch: Crops) -> LossOutput:
        """Mean loss of the real tokens; the log has their plain nats."""
        logits_NV = self.model(batch.input_BT)[batch.keep_BT].float()
        target_N = batch.target_BT[batch.keep_BT]
        notes = (target_N < NOTE_OFF).sum().clamp_min(1)
        smoothing = self.recipe.loss.label_smoothing
        loss = plain = token_nll(logits_NV, target_N).mean()
        if smoothing:
            real = real_events(logits_NV.device)
            loss = smoothed_nll(logits_NV, target_N, smoothing, real).mean()
        plain = plain.detach()
        logs = {"nats_per_token": plain, "nats_per_note": plain * len(target_N) / notes}
        return LossOutput(loss, logs)

    # -- validation -------------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Nats per token and per note of the validation windows, in all and by type."""
        self.model.eval()
        plain, masked = np.zeros(len(TYPES)), np.zeros(len(TYPES))
        counts = np.zeros(len(TYPES), dtype=np.int64)
        for start in range(0, len(self.windows), VALID_BATCH):
            for found in self._score(self.windows[start : start + VALID_BATCH]):
                plain += found[0]
                masked += found[1]
                counts += found[2]
        tokens, notes = max(1, int(counts.sum())), max(1, int(counts[0]))
        by_type = {
            f"valid_{name}_nats_per_note": float(nats) / notes
            for name, nats in zip(TYPES, plain, strict=True)
        }
        return {
            "valid_nats_per_note": float(plain.sum()) / notes,
            "valid_nats_per_token": float(plain.sum()) / tokens,
            "valid_grammar_nats_per_note": float(masked.sum()) / notes,
            "valid_grammar_nats_per_token": float(masked.sum()) / tokens,
            **by_type,
        }

    def _score(self, windows: Sequence[Window]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Nats, nats within the grammar, and counts by type (4,) of each window."""
        longest = max(len(window.tokens) for window in windows) - 1
        device = next(self.model.parameters()).device
        tokens = torch.full((len(windows), longest), PAD)
        for row, window in enumerate(windows):
            tokens[row, : len(window.tokens) - 1] = torch.from_numpy(
                window.tokens[:-1].astype(np.int64)
            )
        logits_BTV = self.model(tokens.to(device)).float().cpu()
        return [score_window(logits, w) for logits, w in zip(logits_BTV, windows, strict=True)]

    # -- optimisers, weights ----------------------------------------------------------------------

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """What the recipe names; ``task`` is Muon on the backbone's matrices, AdamW on the rest."""
        config = self.recipe.training.optimizer
        if config.name == "task":
            return muon_and_adamw(self.model, self.model.decoder, config)
        return [build_optimizer(self.model, config)]

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """Write the network with its card."""
        save_checkpoint(path, self.model.state_dict(), self.metadata(metrics))

    def metadata(self, metrics: dict[str, float]) -> CheckpointMeta:
        """Configuration, vocabulary, hash of the training data, figures and card."""
        card: dict[str, Any] = self.recipe.card.model_dump()
        return CheckpointMeta(
            model_class="partimento.tasks.piano.model:EventTransformer",
            config=self.recipe.model.model_dump(),
            vocabulary={"events": EVENTS, "padding": PAD, "start": SOS, "end": EOS, "tick_ms": 10},
            data_hash=data_hash(self.train),
            metrics=metrics,
            card=Card(
                **card,
                task="piano",
                recipe=self.recipe_file,
                parameters=sum(p.numel() for p in self.model.parameters()),
                metrics=metrics,
            ),
        )


def real_events(device: torch.device) -> Tensor:
    """(391,) true for the events that can follow something: all but padding and start."""
    token = torch.arange(VOCABULARY, device=device)
    return (token != PAD) & (token != SOS)


def score_window(logits_TV: Tensor, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nats by type, nats within the grammar, and counts (4,) of the scored part of a window."""
    length = len(window.tokens) - 1
    scored = slice(window.first, length)
    target = torch.from_numpy(window.tokens[1:].astype(np.int64))[scored]
    logits = logits_TV[scored]
    allowed = np.unpackbits(window.allowed, axis=1, count=VOCABULARY)[scored].astype(bool)
    within = logits.masked_fill(~torch.from_numpy(allowed), -torch.inf)
    kind = np.searchsorted(FIRST_OF_TYPE, target.numpy(), side="right") - 1
    plain, masked = (
        np.bincount(kind, weights=token_nll(x, target).double().numpy(), minlength=len(TYPES))
        for x in (logits, within)
    )
    return plain, masked, np.bincount(kind, minlength=len(TYPES))
