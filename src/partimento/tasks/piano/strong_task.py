"""Training problem of the strong model: crops of performances, loss, metrics, weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from partimento.core.checkpoint import (
    Card,
    CheckpointMeta,
    load_checkpoint,
    resolve_weights,
    save_checkpoint,
)
from partimento.core.config import Config
from partimento.core.errors import DataError
from partimento.music.events import TickNotes
from partimento.music.performance import read_performance
from partimento.tasks.piano.data import find_collection
from partimento.tasks.piano.steps import KEYS_IN
from partimento.tasks.piano.strong import StepBatch, StrongConfig, StrongPiano, step_nats
from partimento.tasks.piano.strong_data import (
    Recording,
    collate,
    random_crop,
    validation_windows,
    vary,
    weights_of,
)
from partimento.training.config import OptimizerConfig
from partimento.training.task import LossOutput


class StrongDataConfig(Config):
    """Performances, and how they are varied."""

    performances: str = Field(
        "asap",
        description="asap or mutopia: what `partimento data add` has installed; "
        "or a folder of MIDI files, or a CSV that names them",
    )
    root: str | None = Field(None, description="folder that paths of the CSV start from")
    train_split: str = Field("train", description="name of the part to train on")
    valid_split: str = Field("validation", description="name of the part to validate on")
    valid_per_piece: int = Field(2, ge=1, description="performances of one piece validated at most")
    valid_windows: int = Field(3, ge=1, description="windows of each that count while training")
    piece_power: float = Field(
        0.5, ge=0, le=1, description="how much pieces with many performances are held back"
    )
    length_power: float = Field(
        1.0, ge=0, le=1, description="how much longer performances are met more often"
    )
    transpose: int = Field(6, ge=0, le=11, description="largest transposition in semitones")
    stretch: float = Field(0.1, ge=0, le=0.5, description="largest change of speed")
    velocity: int = Field(
        8, ge=0, le=32, description="largest change of all velocities, MIDI units"
    )
    humanise: bool = Field(
        False, description="play typed-in notes by rules: tempo, touch, loudness, pedal"
    )
    lengths: tuple[int, ...] = Field((512, 1024), description="lengths of crops, in steps")
    length_shares: tuple[float, ...] = Field((0.65, 0.35), description="share of each length")
    positions: int = Field(4096, ge=16, description="steps in one batch, all crops together")
    epoch_batches: int = Field(250, ge=1, description="batches that are called an epoch")


class StrongTask:
    """Implements :class:`partimento.training.task.Task` for the strong model."""

    monitor = "valid_nats_per_note"
    full_length = 1

    def __init__(
        self,
        model: StrongConfig,
        data: StrongDataConfig,
        optimizer: OptimizerConfig,
        *,
        seed: int,
        card: Card,
        muon_lr: float,
        start: str | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.data, self.optimizer, self.muon_lr = data, optimizer, muon_lr
        self.seed, self.card = seed, card
        self.model = StrongPiano(model)
        if start is not None:
            begin_with(self.model, start)
        self.train = recordings(data, data.train_split)
        valid = first_of_each_piece(recordings(data, data.valid_split), data.valid_per_piece)
        self.valid = validation_windows(valid, model.context, data.valid_windows)
        self.weight = weights_of(self.train, data.piece_power, data.length_power)

    def batches(self, epoch: int, length: int) -> int:
        """Number of batches in the epoch."""
        return self.data.epoch_batches

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> StepBatch:
        """Crops of one length from random performances, each varied anew."""
        size = int(rng.choice(self.data.lengths, p=self.data.length_shares))
        chosen = rng.choice(len(self.train), max(1, self.data.positions // size), p=self.weight)
        takes = [self.take(self.train[i], rng) for i in chosen]
        return collate([random_crop(take, size, rng) for take in takes])

    def take(self, recording: Recording, rng: np.random.Generator) -> TickNotes:
        """The recording, varied as the recipe says."""
        return vary(
            recording.performance,
            rng,
            transpose=self.data.transpose,
            stretch=self.data.stretch,
            velocity=self.data.velocity,
            humanised=self.data.humanise,
        )

    def training_loss(self, batch: StepBatch) -> LossOutput:
        """Mean nats per step; per note in the log."""
        gap, key, velocity = step_nats(self.model, batch)
        total = gap.sum() + key.sum() + velocity.sum()
        notes = ((batch.key[:, 1:] < 128) & batch.valid).sum().clamp(min=1)
        logs = {"train_nats_per_note": (total / notes).detach()}
        return LossOutput(total / batch.valid.sum(), logs)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Nats per note of the validation windows, in all and by part."""
        self.model.eval()
        sums, notes = np.zeros(3), 0
        for start in range(0, len(self.valid), 4):
            batch = collate(self.valid[start : start + 4])
            with torch.autocast("cpu", torch.bfloat16):
                parts = step_nats(self.model, batch)
            sums += [float(p.double().sum()) for p in parts]
            notes += int(((batch.key[:, 1:] < 128) & batch.valid).sum())
        per_note = sums / max(notes, 1)
        names = ("valid_gap_nats", "valid_key_nats", "valid_velocity_nats")
        parts_named = {n: float(x) for n, x in zip(names, per_note, strict=True)}
        return {"valid_nats_per_note": float(per_note.sum()), **parts_named}

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon (Jordan et al. 2024) on the matrices of the backbone, AdamW on everything else."""
        matrices = [p for p in self.model.decoder.parameters() if p.ndim == 2]
        inside = {id(p) for p in matrices}
        rest = [p for p in self.model.parameters() if id(p) not in inside]
        decay = self.optimizer.weight_decay
        groups: list[dict[str, Any]] = [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": decay},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ]
        betas = (self.optimizer.beta1, self.optimizer.beta2)
        return [
            torch.optim.Muon(matrices, lr=self.muon_lr, weight_decay=decay, momentum=0.95),
            torch.optim.AdamW(groups, lr=self.optimizer.lr, betas=betas),
        ]

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """One safetensors file in bfloat16: what the shipped model is."""
        parameters = sum(p.numel() for p in self.model.parameters())
        card = self.card.model_copy(update={"metrics": metrics, "parameters": parameters})
        meta = CheckpointMeta(
            model_class="partimento.tasks.piano.strong:StrongPiano",
            config=self.model.config.model_dump(),
            vocabulary={"tick_ms": 10, "keys": KEYS_IN, "velocity_bins": 32},
            data_hash=self.data_hash(),
            metrics=metrics,
            card=card,
        )
        tensors = {n: t.to(torch.bfloat16) for n, t in self.model.state_dict().items()}
        save_checkpoint(path, tensors, meta)

    def data_hash(self) -> str:
        """SHA-256 of all training notes in order."""
        digest = hashlib.sha256()
        for recording in self.train:
            digest.update(recording.performance.onset_sec.astype("<f8").tobytes())
            digest.update(recording.performance.pitch.astype("<i2").tobytes())
        return digest.hexdigest()


def begin_with(model: StrongPiano, weights: str) -> None:
    """Load weights into the model.

    Raises DataError when they are of another model or of another shape.
    """
    path = resolve_weights(weights)
    tensors, meta = load_checkpoint(path)
    own = model.state_dict()
    shapes = {name: t.shape for name, t in tensors.items()}
    if shapes != {name: t.shape for name, t in own.items()}:
        raise DataError(
            f"these weights ({meta.card.name}) have another shape than the model of the recipe",
            where=str(path),
            fix="Give the recipe the `model` section that they were trained with",
        )
    model.load_state_dict({name: t.to(own[name].dtype) for name, t in tensors.items()})


def recordings(data: StrongDataConfig, split: str) -> list[Recording]:
    """All performances of one part, in the order of their names.

    Raises DataError when there are none.
    """
    entries = [e for e in find_collection(data.performances, data.root).entries if e.split == split]
    if not entries:
        raise DataError(
            f"no performances are in the part {split!r}",
            where=data.performances,
            fix="Name the parts with data.train_split and data.valid_split",
        )
    found = [Recording(e.piece, read_performance(e.path)) for e in entries]
    return [r for r in found if len(r.performance)]


def first_of_each_piece(found: list[Recording], count: int) -> list[Recording]:
    """At most ``count`` recordings of one piece."""
    seen: dict[str, int] = {}
    kept = []
    for recording in found:
        seen[recording.piece] = seen.get(recording.piece, 0) + 1
        if seen[recording.piece] <= count:
            kept.append(recording)
    return kept
