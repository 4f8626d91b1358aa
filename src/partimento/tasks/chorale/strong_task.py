"""Training problem of the strong model: batches of whole pieces in random keys, loss, metrics."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.config import Config
from partimento.music.corpora import corpus_path
from partimento.music.corpora_forms import Form
from partimento.music.grid import allowed_transpositions
from partimento.tasks.chorale.frames import (
    LOW,
    VOCABULARY,
    FrameBatch,
)
from partimento.tasks.chorale.pieces import (
    NOTHING_KNOWN,
    Piece,
    canonical_pieces,
    collate,
    draw_given,
    draw_known,
    hymn_pieces,
    synthetic_pieces,
    transpose,
)
from partimento.tasks.chorale.strong import (
    ChoraleTransformer,
    StrongConfig,
    cell_nll,
    fermata_loss,
    masked_nll,
)
from partimento.training.config import OptimizerConfig
from partimento.training.samplers import keyed_rng
from partimento.training.task import LossOutput

INSTALLED = "corpus"
"""Says that a data set is the one that ``partimento data`` has installed."""


def data_file(value: str | None, name: str, form: Form) -> Path | None:
    """The file that a recipe means.  Raises DataError for a corpus that is not installed."""
    if value is None:
        return None
    return corpus_path(name, form) if value == INSTALLED else Path(value)


class StrongDataConfig(Config):
    """What the strong model learns from, and how it is varied."""

    chorales: str = Field(
        INSTALLED, description="canonical JSON with train and valid; `corpus`: the installed one"
    )
    rich: str | None = Field(
        INSTALLED, description="fermatas, metre and keys of the same; `corpus`, a file, or null"
    )
    hymns: str | None = Field(INSTALLED, description="Open Hymnal; `corpus`, a file, or null")
    synthetic: str | None = Field(INSTALLED, description="JS Fakes; `corpus`, a file, or null")
    hymn_share: float = Field(0.15, ge=0, description="hymns per epoch / chorales per epoch")
    synthetic_share: float = Field(0.0, ge=0, description="synthetic pieces / chorales per epoch")
    transpose: int = Field(6, ge=0, le=11, description="largest transposition in semitones")
    ranges: tuple[tuple[int, int], ...] = Field(
        ((57, 84), (50, 77), (43, 72), (34, 67)),
        description="lowest and highest MIDI pitch per voice S A T B after transposition",
    )
    chronological: float = Field(0.6, ge=0, le=1, description="share of batches with no cell given")
    known_chronological: float = Field(0.3, ge=0, le=1, description="pieces there with metadata")
    fermata_weight: float = Field(0.2, ge=0, description="weight of the fermata head's loss")
    known_given: float = Field(0.7, ge=0, le=1, description="pieces with metadata, cells given")


class StrongTask:
    """Implements :class:`partimento.training.task.Task` for the strong model."""

    monitor = "valid_nats_per_frame"
    full_length = 1

    def __init__(
        self,
        model: StrongConfig,
        data: StrongDataConfig,
        optimizer: OptimizerConfig,
        *,
        batch_size: int,
        seed: int,
        card: Card,
        muon_lr: float = 0.01,
    ):
        torch.manual_seed(seed)
        self.data, self.optimizer, self.batch_size = data, optimizer, batch_size
        self.seed, self.card, self.muon_lr = seed, card, muon_lr
        self.model = ChoraleTransformer(model)
        chorales = data_file(data.chorales, "chorales", "canonical")
        assert chorales is not None
        rich = data_file(data.rich, "chorales", "rich")
        hymns = data_file(data.hymns, "openhymnal", "openhymnal")
        synthetic = data_file(data.synthetic, "js_fakes", "js_fakes")
        self.train = canonical_pieces(chorales, "train", rich)
        self.valid = canonical_pieces(chorales, "valid", rich)
        self.hymns = hymn_pieces(hymns) if hymns else []
        self.synthetic = synthetic_pieces(synthetic) if synthetic else []
        self._groups: tuple[int, list[np.ndarray], list[Piece]] = (-1, [], [])

    def groups(self, epoch: int) -> tuple[list[np.ndarray], list[Piece]]:
        """Batches of one epoch: pieces of about the same length, in random order."""
        if self._groups[0] != epoch:
            rng = keyed_rng(self.seed, "order", epoch)
            pool = list(self.train)
            for extra, share in (
                (self.hymns, self.data.hymn_share),
                (self.synthetic, self.data.synthetic_share),
            ):
                count = min(len(extra), round(share * len(self.train)))
                pool += [extra[i] for i in rng.permutation(len(extra))[:count]]
            length = np.array([len(p.grid) for p in pool]) + rng.normal(0, 20, len(pool))
            order = np.argsort(length)
            starts = rng.permutation(np.arange(0, len(pool), self.batch_size))
            self._groups = (epoch, [order[i : i + self.batch_size] for i in starts], pool)
        return self._groups[1], self._groups[2]

    def batches(self, epoch: int, length: int) -> int:
        """Number of batches in the epoch."""
        return len(self.groups(epoch)[0])

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> FrameBatch:
        """Whole pieces in random keys, with random cells given in a share of the batches."""
        groups, pool = self.groups(epoch)
        pieces = [self.vary(pool[i], rng) for i in groups[index]]
        if rng.random() < self.data.chronological:
            known = [draw_known(rng, self.data.known_chronological) for _ in pieces]
            return collate(pieces, [None] * len(pieces), known)
        given = [draw_given(len(p.grid), rng) for p in pieces]
        return collate(pieces, given, [draw_known(rng, self.data.known_given) for _ in pieces])

    def vary(self, piece: Piece, rng: np.random.Generator) -> Piece:
        """The piece in a random key in which every voice stays in range."""
        shifts = allowed_transpositions(piece.grid, self.data.ranges, self.data.transpose)
        return transpose(piece, int(rng.choice(shifts or (0,))))

    def training_loss(self, batch: FrameBatch) -> LossOutput:
        """Mean nats per cell to fill."""
        log_probs, fermatas = self.model.with_fermatas(batch)
        cells = (batch.valid_BT[..., None] & ~batch.given_BTC).sum()
        loss = masked_nll(log_probs, batch).sum() / cells
        if not bool(batch.given_BTC.any()):
            return LossOutput(loss, {"nats_per_note_chronological": loss.detach()})
        fermata = fermata_loss(fermatas, batch)
        logs = {"nats_per_note_given": loss.detach(), "fermata_nats": fermata.detach()}
        return LossOutput(loss + self.data.fermata_weight * fermata, logs)

    def validate(self) -> dict[str, float]:
        """Chronological nats per frame, and alto, tenor and bass given the soprano."""
        self.model.eval()
        chronological = validation_nats(self.model, self.valid, soprano_given=False)
        filled = validation_nats(self.model, self.valid, soprano_given=True)
        names = ("soprano", "alto", "tenor", "bass")
        per_voice = {f"valid_{n}": float(x) for n, x in zip(names, chronological, strict=True)}
        return {
            "valid_nats_per_frame": float(chronological.sum()),
            "valid_nats_per_note": float(chronological.mean()),
            "valid_atb_given_s_nats_per_frame": float(filled.sum()),
            **per_voice,
        }

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon on the hidden matrices, AdamW on tables, heads and vectors.

        Muon (Jordan et al. 2024) orthogonalises the update of a matrix; embeddings, output heads
        and vectors have no such geometry and stay with AdamW.
        """
        matrices, tables, vectors = parameter_groups(self.model)
        decay = self.optimizer.weight_decay
        betas = (self.optimizer.beta1, self.optimizer.beta2)
        groups: list[dict[str, Any]] = [
            {"params": tables, "weight_decay": decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return [
            torch.optim.Muon(matrices, lr=self.muon_lr, weight_decay=decay, momentum=0.95),
            torch.optim.AdamW(groups, lr=self.optimizer.lr, betas=betas),
        ]

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """One safetensors file in bfloat16: what the shipped model is."""
        card = self.card.model_copy(
            update={"metrics": metrics, "parameters": count_parameters(self.model)}
        )
        meta = CheckpointMeta(
            model_class="partimento.tasks.chorale.strong:ChoraleTransformer",
            config=self.model.config.model_dump(),
            vocabulary={"lowest_midi": LOW, "tokens": VOCABULARY, "last": "silence"},
            data_hash=self.data_hash(),
            metrics=metrics,
            card=card,
        )
        tensors = {n: t.to(torch.bfloat16) for n, t in self.model.state_dict().items()}
        save_checkpoint(path, tensors, meta)

    def data_hash(self) -> str:
        """SHA-256 of all training grids in order."""
        digest = hashlib.sha256()
        for piece in [*self.train, *self.hymns, *self.synthetic]:
            digest.update(piece.grid.astype("<i2").tobytes())
        return digest.hexdigest()


def parameter_groups(
    model: ChoraleTransformer,
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """Hidden matrices; other tensors with two or more axes; vectors.  Each parameter once."""
    hidden = {
        id(module.weight)
        for part in (model.blocks, model.encoder, model.frame.mix)
        for module in part.modules()
        if isinstance(module, torch.nn.Linear)
    }
    matrices = [p for p in model.parameters() if id(p) in hidden]
    rest = [p for p in model.parameters() if id(p) not in hidden]
    return matrices, [p for p in rest if p.ndim >= 2], [p for p in rest if p.ndim < 2]


def count_parameters(model: torch.nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def validation_nats(
    model: ChoraleTransformer, pieces: list[Piece], *, soprano_given: bool, batch_size: int = 16
) -> np.ndarray:
    """Nats per frame of each voice (4,) over whole pieces, no metadata, pooled over frames."""
    order = np.argsort([len(p.grid) for p in pieces], kind="stable")
    total, frames = np.zeros(4), 0
    for start in range(0, len(order), batch_size):
        chosen = [pieces[i] for i in order[start : start + batch_size]]
        given: list[np.ndarray | None] = [None] * len(chosen)
        if soprano_given:
            given = [np.tile([True, False, False, False], (len(p.grid), 1)) for p in chosen]
        batch = collate(chosen, given, [NOTHING_KNOWN] * len(chosen))
        total += cell_nll(model, batch).sum((0, 1)).double().numpy()
        frames += int(batch.valid_BT.sum())
    return total / frames
