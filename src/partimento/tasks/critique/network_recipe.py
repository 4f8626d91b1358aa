"""Recipes of the networks that read a clip note by note."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config
from partimento.tasks.critique.config import NetworkConfig
from partimento.tasks.critique.data import ClipDataConfig
from partimento.tasks.critique.recipe import CritiqueCard
from partimento.training.config import TrainingConfig


class AttentionConfig(Config):
    """How attention is kept from staying even, or from settling at once."""

    lr_multiplier: float = Field(
        1.0, gt=0, description="learning rate of the attention, as a multiple of the others'"
    )
    entropy_weight: float = Field(
        0.0, ge=0, description="weight of the squared distance of the entropy from its target"
    )
    entropy_target: float = Field(
        0.6, ge=0, le=1, description="wanted entropy within a group, as a share of the largest"
    )


class NetworkRecipe(Config):
    """A training of one model on one fold of a protocol.

    The loss is the squared error, averaged over clips and dimensions.
    """

    task: Literal["critique"] = Field("critique", description="the slice")
    kind: Literal["network"] = Field("network", description="which kind of model")
    card: CritiqueCard = CritiqueCard()
    model: NetworkConfig = NetworkConfig()
    data: ClipDataConfig = ClipDataConfig()
    attention: AttentionConfig = AttentionConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _sound(self) -> NetworkRecipe:
        if self.training.curriculum.on:
            raise ValueError("clips are read whole: set training.curriculum.on to false")
        if self.training.optimizer.name == "task":
            raise ValueError("these networks have no optimiser of their own: use adam or adamw")
        return self
