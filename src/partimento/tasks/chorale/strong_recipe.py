"""Recipes of the strong model; apart from the others because its schema loads torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.tasks.chorale.recipe import ChoraleRecipe
from partimento.tasks.chorale.strong import (
    StrongConfig,
)
from partimento.tasks.chorale.strong_task import StrongDataConfig


class StrongRecipe(ChoraleRecipe):
    """A training of the strong model."""

    kind: Literal["strong"] = Field("strong", description="which network")
    model: StrongConfig = StrongConfig()
    data: StrongDataConfig = StrongDataConfig()

    @model_validator(mode="after")
    def _optimizer(self) -> StrongRecipe:
        if self.training.optimizer.name != "task":
            raise ValueError(
                "the strong model is trained with Muon and AdamW: "
                "set training.optimizer.name to task"
            )
        return self
