"""Recipes of the event models; apart from the others because their schema loads torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config
from partimento.tasks.piano.config import EventModelConfig
from partimento.tasks.piano.data import EventDataConfig
from partimento.tasks.piano.recipe import PianoRecipe


class LossConfig(Config):
    """What is minimised."""

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="mass spread evenly over the events that can stand in a piece"
    )


class EventRecipe(PianoRecipe):
    """A training of a model of the 388 events."""

    kind: Literal["events"] = Field("events", description="which network")
    model: EventModelConfig = EventModelConfig()
    data: EventDataConfig = EventDataConfig()
    loss: LossConfig = LossConfig()

    @model_validator(mode="after")
    def _no_curriculum(self) -> EventRecipe:
        if self.training.curriculum.on:
            raise ValueError(
                "crops always have the length of the model: set training.curriculum.on to false"
            )
        return self
