"""Recipes of the strong model; apart from the others because its schema loads torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.tasks.text2midi.recipe import TextRecipe
from partimento.tasks.text2midi.strong import StrongConfig
from partimento.tasks.text2midi.strong_task import StrongDataConfig, StrongLossConfig


class StrongRecipe(TextRecipe):
    """A training of the strong model."""

    kind: Literal["strong"] = Field("strong", description="which network")
    model: StrongConfig = StrongConfig()
    data: StrongDataConfig = StrongDataConfig()
    loss: StrongLossConfig = StrongLossConfig()
    start: str | None = Field(
        None, description="weights of the same shape to begin with; null: random ones"
    )

    @model_validator(mode="after")
    def _consistent(self) -> StrongRecipe:
        if self.training.optimizer.name != "task":
            raise ValueError(
                "the strong model is trained with Muon and AdamW: "
                "set training.optimizer.name to task"
            )
        if self.training.curriculum.on:
            raise ValueError("excerpts have the lengths of data: set curriculum.on to false")
        if self.data.fewest_bars > self.data.most_bars:
            raise ValueError("data.fewest_bars is above data.most_bars")
        return self
