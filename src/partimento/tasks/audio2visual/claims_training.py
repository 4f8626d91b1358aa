"""Short trainings that the claim bench compares: one task, one recipe, one seed, and the figures.

Plain loops on purpose: what differs between two runs is in their recipes, and nowhere else.

Shape suffixes: N clips, T frames, I bands, K classes, E numbers of a target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from partimento.doctor.batches import batch_entropy
from partimento.tasks.audio2visual.adapters import Activation, AdapterConfig, Norm
from partimento.tasks.audio2visual.mapblock import MapConfig
from partimento.tasks.audio2visual.source_config import LightConfig, SourceConfig
from partimento.tasks.audio2visual.source_losses import per_class, squared_error
from partimento.tasks.audio2visual.source_metrics import text_space_figures
from partimento.tasks.audio2visual.source_model import (
    FrameBatch,
    LightModel,
    SourceModel,
    build_network,
)
from partimento.training.class_samplers import Batching, ClassBatches

ENCODER, TARGET = "logmel", "clip"
POOL_WIDTH = 64
"""Width of the source's attention pooling here; at its full 768 one claim would take minutes."""
WARM_UP = 0.1
"""Share of the steps over which the light recipe's learning rate rises."""


@dataclass(frozen=True, slots=True)
class ClaimTask:
    """Clips with classes, split, and the bank that gives each class its target."""

    name: str
    frames_NTI: np.ndarray = field(repr=False)
    """float32, standardised with the training clips."""
    labels_N: np.ndarray = field(repr=False)
    train_N: np.ndarray = field(repr=False)
    """True for the clips to learn from; the others measure."""
    bank_KE: np.ndarray = field(repr=False)
    """float32."""

    def part(self, training: bool) -> tuple[Tensor, np.ndarray]:
        """Frames (n, T, I) and labels (n,) of one side."""
        here = self.train_N == training
        return torch.from_numpy(self.frames_NTI[here]), self.labels_N[here]

    @property
    def constant_E(self) -> np.ndarray:
        """Mean target of the training clips."""
        return np.asarray(self.bank_KE[self.labels_N[self.train_N]].mean(0))


@dataclass(frozen=True, slots=True)
class ClaimRecipe:
    """One training.  The defaults are the source's first design, small enough for a bench."""

    design: Literal["source", "light"] = "source"
    batch: int = 8
    batching: Batching | Literal["class after class"] = "shuffled"
    """``homogeneous`` batches come in random order, or all those of a class in a row."""
    epochs: int = 12
    steps: int | None = None
    """Steps instead of epochs."""
    rate: float = 1e-3
    cosine: bool = False
    """Warm-up and cosine instead of a constant rate."""
    zscore: bool = False
    loss: Literal["mse", "per-class"] = "mse"
    norm: Norm = "layer"
    activation: Activation = "relu"
    dropout: float = 0.1
    pool: int | None = POOL_WIDTH
    """Width of the attention pooling; None: that of the target, as the source has it."""


LIGHT = ClaimRecipe("light", cosine=True, zscore=True, activation="gelu", dropout=0.05, rate=4e-3)
"""The recipe that works: targets as z-scores, warm-up and cosine, frames pooled first.

Its rate is for batch 8; :func:`with_batch` scales it by the square root of the batch.
"""


@dataclass(frozen=True, slots=True)
class ClaimRun:
    """Figures of one training; losses are squared errors of embeddings as they are."""

    top1: float
    """Of the clips that were not trained on, as all figures without ``train``."""
    r2: float
    diversity: float
    steps: int
    running: float
    """Mean training loss of the last epoch, each before its step, as a progress bar shows it."""
    train_loss: float
    """Loss of the final weights on all training clips, in evaluation mode."""
    train_constant: float
    """The same of the mean target."""
    entropy: float
    """Mix of classes in the first epoch's batches, 1 for shuffled ones."""


def build(task: ClaimTask, recipe: ClaimRecipe, seed: int) -> SourceModel | LightModel:
    """The network of a recipe, freshly drawn."""
    inputs = {ENCODER: task.frames_NTI.shape[-1]}
    shapes = {TARGET: (task.bank_KE.shape[1],)}
    config: SourceConfig | LightConfig
    if recipe.design == "light":
        config = LightConfig(activation=recipe.activation, dropout=recipe.dropout)
    else:
        adapter = AdapterConfig(
            hidden=128,
            width=POOL_WIDTH,
            norm=recipe.norm,
            activation=recipe.activation,
            dropout=recipe.dropout,
        )
        pool = MapConfig(width=recipe.pool)
        config = SourceConfig(targets=(TARGET,), adapter=adapter, clip=pool)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = build_network(config, inputs, shapes)
    _fit_scales(model, task, recipe)
    return model


def _fit_scales(model: SourceModel | LightModel, task: ClaimTask, recipe: ClaimRecipe) -> None:
    frames, labels = task.part(training=True)
    if isinstance(model, LightModel):
        model.set_pooled(model.pooled(frame_batch(frames)))
    if recipe.zscore:
        targets_NE = task.bank_KE[labels]
        spread = targets_NE.std(0)
        scale = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
        mean = targets_NE.mean(0)
        model.scale(TARGET).set(torch.from_numpy(mean), torch.from_numpy(scale))


def frame_batch(frames_BTI: Tensor) -> FrameBatch:
    """Clips of equal length as a network takes them."""
    keep = torch.ones(frames_BTI.shape[:2], dtype=torch.bool)
    return FrameBatch({ENCODER: frames_BTI}, {ENCODER: keep})


def predict(model: SourceModel | LightModel, frames_NTI: Tensor) -> np.ndarray:
    """(N, E) embeddings, in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return model.embed(frame_batch(frames_NTI))[TARGET].numpy()


def run(task: ClaimTask, recipe: ClaimRecipe, seed: int) -> ClaimRun:
    """Train once and measure; the same seed gives the same figures."""
    return measure(task, recipe, seed)[0]


def measure(
    task: ClaimTask, recipe: ClaimRecipe, seed: int
) -> tuple[ClaimRun, SourceModel | LightModel]:
    """:func:`run`, and the trained network."""
    model = build(task, recipe, seed)
    frames, labels = task.part(training=True)
    batches = _Batches(recipe, labels, seed)
    steps = recipe.steps or recipe.epochs * len(batches)
    losses = _train(model, task, recipe, batches, steps, seed)
    bank_KE, constant_E = task.bank_KE, task.constant_E
    heard = text_space_figures(predict(model, frames), labels, bank_KE, constant_E)
    test_frames, test_labels = task.part(training=False)
    found = text_space_figures(predict(model, test_frames), test_labels, bank_KE, constant_E)
    mix = batch_entropy([labels[b].tolist() for b in batches(0)], np.random.default_rng(0))
    return (
        ClaimRun(
            top1=found.top1,
            r2=found.r2,
            diversity=found.diversity,
            steps=steps,
            running=float(np.mean(losses[-len(batches) :])),
            train_loss=heard.mse,
            train_constant=heard.constant_mse,
            entropy=mix.measured,
        ),
        model,
    )


class _Batches:
    """The batches of an epoch by its number, as index arrays."""

    def __init__(self, recipe: ClaimRecipe, labels_N: np.ndarray, seed: int) -> None:
        self.in_a_row = recipe.batching == "class after class"
        mode: Batching = (
            "homogeneous" if recipe.batching == "class after class" else recipe.batching
        )
        self.labels_N = labels_N
        self.batches = ClassBatches(labels_N, recipe.batch, mode, seed)

    def __len__(self) -> int:
        return len(self.batches)

    def __call__(self, epoch: int) -> list[np.ndarray]:
        found = self.batches.batches(epoch)
        if self.in_a_row:  # stable, so the classes follow in the order in which they were drawn
            first = {int(self.labels_N[b[0]]): place for place, b in reversed([*enumerate(found)])}
            found.sort(key=lambda b: first[int(self.labels_N[b[0]])])
        return found


def _train(
    model: SourceModel | LightModel,
    task: ClaimTask,
    recipe: ClaimRecipe,
    batches: _Batches,
    steps: int,
    seed: int,
) -> list[float]:
    """Training loss at each step, as squared error of the embeddings."""
    frames, labels = task.part(training=True)
    classes, bank_KE = torch.from_numpy(labels), torch.from_numpy(task.bank_KE)
    scale = model.scale(TARGET)
    wanted_KE = scale.scores(bank_KE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=0.01)
    order = chain.from_iterable(batches(epoch) for epoch in count())
    losses = []
    model.train()
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)  # dropout draws from the global generator
        for step, chosen in enumerate(islice(order, steps)):
            optimizer.param_groups[0]["lr"] = recipe.rate * _share(step, steps, recipe.cosine)
            picked = classes[chosen]
            scores = model(frame_batch(frames[chosen]))[TARGET]
            errors_B = squared_error(scores, wanted_KE[picked])
            loss = (
                per_class(errors_B, picked, len(bank_KE))
                if recipe.loss == "per-class"
                else errors_B.mean()
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            plain = scale.restore(scores.detach()) - bank_KE[picked]
            losses.append(float(plain.square().mean()))
    return losses


def _share(step: int, steps: int, cosine: bool) -> float:
    """Share of the peak rate at a step."""
    if not cosine:
        return 1.0
    rise = max(1.0, WARM_UP * steps)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise)))


def with_batch(recipe: ClaimRecipe, batch: int, steps: int | None = None) -> ClaimRecipe:
    """The recipe at another batch size, for equal epochs or for a number of steps.

    The source keeps its rate; the light recipe's goes with the square root of the batch, as is
    usual for Adam (Malladi et al. 2022).
    """
    scale = math.sqrt(batch / recipe.batch) if recipe.design == "light" else 1.0
    return replace(recipe, batch=batch, steps=steps, rate=recipe.rate * scale)
