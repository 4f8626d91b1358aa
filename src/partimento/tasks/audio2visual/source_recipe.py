"""Recipes of the source design, and of the light one trained by gradients."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config
from partimento.tasks.audio2visual.adapters import BATCH_NORMS
from partimento.tasks.audio2visual.recipe import SoundCard
from partimento.tasks.audio2visual.source_config import (
    BatchingConfig,
    HeadRates,
    LightConfig,
    LossConfig,
    SoundDataConfig,
    SourceConfig,
    Target,
)
from partimento.training.config import TrainingConfig


class TextSpaceRecipe(Config):
    """What both designs share: from a sound to the text embedding of its class's prompt."""

    task: Literal["audio2visual"] = Field("audio2visual", description="the slice")
    kind: Literal["source", "light"] = Field("source", description="which design")
    card: SoundCard = SoundCard()
    model: Config = Field(description="the network")
    data: SoundDataConfig = SoundDataConfig()
    loss: LossConfig = LossConfig()
    batching: BatchingConfig = BatchingConfig()
    rates: dict[Target, HeadRates] = Field(
        default_factory=dict, description="optimiser settings of a head, where they differ"
    )
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _sound(self) -> TextSpaceRecipe:
        if self.training.curriculum.on:
            raise ValueError("clips are heard whole: set training.curriculum.on to false")
        if self.training.optimizer.name == "task":
            raise ValueError("these networks bring no optimiser along: use adamw or adam")
        size, per_class = self.training.batch_size, self.batching.per_class
        if self.batching.mode == "balanced" and size % per_class:
            raise ValueError(f"a batch of {size} is no multiple of batching.per_class {per_class}")
        return self


class SourceRecipe(TextSpaceRecipe):
    """A training of the source design."""

    kind: Literal["source"] = Field("source", description="which design")
    model: SourceConfig = SourceConfig()

    @model_validator(mode="after")
    def _norms(self) -> SourceRecipe:
        unknown = sorted(set(self.rates) - set(self.model.targets))
        if unknown:
            raise ValueError(f"rates.{unknown[0]}: the model has no such head")
        adapters = [self.model.adapter, *self.model.adapters.values()]
        single = self.training.batch_size == 1 and self.data.cls_only
        if single and any(adapter.norm in BATCH_NORMS for adapter in adapters):
            raise ValueError("a batch of one frame has no statistics: use group, layer or rms")
        return self


class LightRecipe(TextSpaceRecipe):
    """A training of the light design."""

    kind: Literal["light"] = Field("light", description="which design")
    model: LightConfig = LightConfig()

    @model_validator(mode="after")
    def _heads(self) -> LightRecipe:
        unknown = sorted(set(self.rates) - set(self.model.targets))
        if unknown:
            raise ValueError(f"rates.{unknown[0]}: the model has no such head")
        return self
