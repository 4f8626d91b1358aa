"""Training problem of the strong model: varied excerpts under forgetful prefixes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from partimento.core.checkpoint import Card, load_checkpoint, resolve_weights
from partimento.core.config import Config
from partimento.core.errors import DataError
from partimento.music.attributes import Attributes
from partimento.music.barpiece import BarPiece
from partimento.tasks.text2midi.captions import caption
from partimento.tasks.text2midi.corpus import Excerpt, corpus_hash, excerpts, read_corpus
from partimento.tasks.text2midi.interface import Conditions, CorpusPiece
from partimento.tasks.text2midi.semantic import SemanticTokens
from partimento.tasks.text2midi.steps import BAR, MOST_BARS
from partimento.tasks.text2midi.strong import (
    PARTS,
    StepBatch,
    StrongConfig,
    StrongText,
    step_nats,
)
from partimento.tasks.text2midi.strong_data import (
    Example,
    Variation,
    collate,
    described,
    example,
    forget,
    vary,
)
from partimento.tasks.text2midi.strong_sections import Sections
from partimento.training.config import OptimizerConfig
from partimento.training.optim import muon_and_adamw
from partimento.training.task import LossOutput

if TYPE_CHECKING:
    from partimento.tasks.text2midi.strong_recipe import StrongRecipe

USUAL_BARS = 16
VALID_TOGETHER = 8
CAPTION_LENGTHS: tuple[Literal["short", "medium", "long"], ...] = ("short", "medium", "long")


class StrongDataConfig(Config):
    """Pieces, and how they are varied."""

    sources: list[str] = Field(
        default_factory=lambda: ["data/abc_tunes", "data/mutopia"],
        description="folders or archives in the layout of the tunes or of Mutopia",
    )
    semantic: str | None = Field(
        None, description="file of semantic tokens (`partimento semantic fit`); null: none"
    )
    valid_excerpts: int = Field(64, ge=1, description="excerpts of each source that are validated")
    usual_share: float = Field(
        0.6, ge=0, le=1, description="share of batches with excerpts of 16 bars"
    )
    fewest_bars: int = Field(2, ge=1, le=MOST_BARS, description="in the other batches, bars from")
    most_bars: int = Field(40, ge=1, le=MOST_BARS, description="in the other batches, bars up to")
    length_power: float = Field(
        0.85, ge=0, le=1, description="how much longer sections are met more often"
    )
    transpose: int = Field(6, ge=0, le=11, description="largest transposition in semitones")
    stretch: float = Field(0.2, ge=0, le=1, description="largest change of a stated tempo")
    velocity: int = Field(10, ge=0, le=32, description="largest change of all velocities")
    reinstrument: float = Field(
        0.5, ge=0, le=1, description="chance that a piece for one instrument goes to another"
    )
    whole_dropout: float = Field(
        0.1, ge=0, lt=1, description="chance that the whole prefix is left out"
    )
    semantic_share: float = Field(
        0.6, ge=0, le=1, description="share of prefixes that hold semantic tokens"
    )
    positions: int = Field(4096, ge=16, description="steps in one batch, all excerpts together")
    epoch_batches: int = Field(250, ge=1, description="batches that are called an epoch")


class StrongLossConfig(Config):
    """What is minimised beside the likelihood of the steps."""

    header_weight: float = Field(
        4.0, gt=0, description="weight of meter and tempo, which a piece says but once"
    )
    counterfactual_weight: float = Field(
        0.0, ge=0, description="weight of the margin between own and exchanged prefix; 0: none"
    )
    counterfactual_margin: float = Field(
        0.3, gt=0, description="nats per step that a piece should cost more under another's prefix"
    )


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
        loss: StrongLossConfig,
        start: str | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.data, self.optimizer, self.card, self.loss = data, optimizer, card, loss
        self.model = StrongText(model)
        if start is not None:
            begin_with(self.model, start)
        self.semantic = None if data.semantic is None else SemanticTokens.load(data.semantic)
        pieces = [read_corpus(source) for source in data.sources]
        self.pieces = [p for found in pieces for p in found if p.part == "train"]
        self.sections = Sections(self.pieces, data.length_power)
        self.variation = Variation(**{f.name: getattr(data, f.name) for f in fields(Variation)})
        held = [e for found in pieces for e in held_out(found, data.valid_excerpts)]
        rng = np.random.default_rng(0)
        self.valid = [example(e.music, self.conditions(e, None, rng)) for e in held]
        self.blank = [without_prefix(e.music) for e in held]

    def batches(self, epoch: int, length: int) -> int:
        """Number of batches in the epoch."""
        return self.data.epoch_batches

    def batch(self, epoch: int, index: int, length: int, rng: np.random.Generator) -> StepBatch:
        """Excerpts of similar length, varied, under what is left of their prefixes."""
        bars = USUAL_BARS
        if rng.random() >= self.data.usual_share:
            bars = int(rng.integers(self.data.fewest_bars, self.data.most_bars + 1))
        drawn = self.sections.draw(bars, self.data.positions, rng)
        return collate([self.varied(excerpt, rng) for excerpt in drawn])

    def varied(self, excerpt: Excerpt, rng: np.random.Generator) -> Example:
        """One excerpt as it is learnt from, this time."""
        music = vary(excerpt.music, rng, self.variation)
        taken = Excerpt(excerpt.piece, music, excerpt.opens, excerpt.closes)
        if rng.random() < self.data.whole_dropout:
            return without_prefix(music)
        return example(music, self.conditions(taken, rng, rng))

    def conditions(
        self, excerpt: Excerpt, forgetting: np.random.Generator | None, rng: np.random.Generator
    ) -> Conditions:
        """What is told of an excerpt; a part of it is left out with ``forgetting``.

        The semantic tokens are those of a caption written for this very excerpt.
        """
        attributes = described(excerpt, excerpt.music)
        semantic: tuple[int, ...] = ()
        if self.semantic is not None and (
            forgetting is None or rng.random() < self.data.semantic_share
        ):
            semantic = self._semantic_of(attributes, excerpt, rng)
        opens: bool | None = excerpt.opens
        closes: bool | None = excerpt.closes
        if forgetting is not None:
            attributes = forget(attributes, forgetting)
            opens = None if forgetting.random() < 0.3 else opens
            closes = None if forgetting.random() < 0.3 else closes
            if semantic and forgetting.random() < 0.1:
                # The semantic token must be able to stand alone.
                attributes = Attributes()
        return Conditions(attributes, semantic, opens, closes)

    def _semantic_of(
        self, attributes: Attributes, excerpt: Excerpt, rng: np.random.Generator
    ) -> tuple[int, ...]:
        assert self.semantic is not None
        length = CAPTION_LENGTHS[int(rng.integers(len(CAPTION_LENGTHS)))]
        found = self.semantic.encode(caption(attributes, excerpt.piece.about, rng, length))
        return found if rng.random() < 0.5 else found[:1]

    def training_loss(self, batch: StepBatch) -> LossOutput:
        """Mean nats per step, meter and tempo weighed more; per note in the log."""
        parts = step_nats(self.model, batch)
        total = torch.stack([p.sum() for p in parts.values()]).sum()
        notes = (batch.target[..., 0] < BAR) & batch.valid
        logs = {"train_nats_per_note": (total / notes.sum().clamp(min=1)).detach()}
        extra = (self.loss.header_weight - 1) * parts["header"].sum()
        loss = (total + extra) / batch.valid.sum()
        if self.loss.counterfactual_weight:
            missing = self.counterfactual(batch, parts)
            loss = loss + self.loss.counterfactual_weight * missing
            logs["train_margin_missing"] = missing.detach()
        return LossOutput(loss, logs)

    def counterfactual(self, batch: StepBatch, own: dict[str, Tensor]) -> Tensor:
        """Nats per step that are missing to the margin between own and exchanged prefix.

        Every excerpt is scored under its neighbour's prefix too; a model that ignores prefixes
        gains nothing by its own.
        """
        other = replace(batch, prefix=batch.prefix.roll(1, 0), tonic=batch.tonic.roll(1, 0))
        steps = batch.valid.sum(1)
        gain = (piece_nats(step_nats(self.model, other)) - piece_nats(own)) / steps
        # Where both prefixes say the same there is nothing to tell apart.
        differs = (other.prefix != batch.prefix).any(1)
        return ((self.loss.counterfactual_margin - gain).clamp(min=0) * differs).mean()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Nats per note of held-out excerpts under their own prefix, in all and by part."""
        self.model.eval()
        own, notes = self._sums(self.valid)
        blank, _ = self._sums(self.blank)
        result = {"valid_nats_per_note": sum(own.values()) / notes}
        result["valid_blank_nats_per_note"] = sum(blank.values()) / notes
        return {**result, **{f"valid_{name}_nats": own[name] / notes for name in PARTS}}

    def _sums(self, examples: list[Example]) -> tuple[dict[str, float], int]:
        sums, notes = dict.fromkeys(PARTS, 0.0), 0
        ordered = sorted(examples, key=lambda e: len(e.steps))
        for start in range(0, len(ordered), VALID_TOGETHER):
            batch = collate(ordered[start : start + VALID_TOGETHER])
            with torch.autocast("cpu", torch.bfloat16):
                parts = step_nats(self.model, batch)
            for name in PARTS:
                sums[name] += float(parts[name].double().sum())
            notes += int(((batch.target[..., 0] < BAR) & batch.valid).sum())
        return sums, notes

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon on the matrices of the backbone, AdamW on everything else."""
        return muon_and_adamw(self.model, self.model.decoder, self.optimizer)

    def save_weights(self, path: Path, metrics: dict[str, float]) -> None:
        """One safetensors file in bfloat16, the semantic tokens with it."""
        from partimento.tasks.text2midi.strong_weights import save_strong

        parameters = sum(p.numel() for p in self.model.parameters())
        card = self.card.model_copy(update={"metrics": metrics, "parameters": parameters})
        save_strong(path, self.model, self.semantic, card, metrics, corpus_hash(self.pieces))


def piece_nats(parts: dict[str, Tensor]) -> Tensor:
    """(B,) nats of each excerpt."""
    steps = [nats.sum(1) for name, nats in parts.items() if name != "header"]
    return parts["header"] + torch.stack(steps).sum(0)


def held_out(pieces: list[CorpusPiece], count: int) -> list[Excerpt]:
    """The first excerpt of ``count`` held-out pieces, evenly spread over their names."""
    held = [excerpts(p, USUAL_BARS) for p in pieces if p.part == "valid"]
    first = [found[0] for found in held if found]
    return first[:: max(1, len(first) // count)][:count]


def without_prefix(music: BarPiece) -> Example:
    """An excerpt of which nothing is told."""
    return example(music, Conditions(opens=None, closes=None), counts_bars=False)


def build(recipe: StrongRecipe, label: str) -> StrongTask:
    """The task of a recipe; ``label`` names its file on the card."""
    card = Card(**recipe.card.model_dump(), task="text2midi", recipe=label, parameters=0)
    return StrongTask(
        recipe.model,
        recipe.data,
        recipe.training.optimizer,
        seed=recipe.training.seed,
        card=card,
        loss=recipe.loss,
        start=recipe.start,
    )


def begin_with(model: StrongText, weights: str) -> None:
    """Load weights into the model.  Raises DataError when they have another shape."""
    tensors, _ = load_checkpoint(resolve_weights(weights))
    own = model.state_dict()
    tensors = {n: t for n, t in tensors.items() if not n.startswith("semantic.")}
    if {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in own.items()}:
        raise DataError(
            "these weights have another shape than the model of the recipe",
            where=weights,
            fix="Give the recipe the `model` section that they were trained with",
        )
    model.load_state_dict({n: t.to(own[n].dtype) for n, t in tensors.items()})
