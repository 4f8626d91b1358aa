"""Recipes of the strong model; apart from the others because its schema loads torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.tasks.piano.recipe import PianoRecipe
from partimento.tasks.piano.strong import StrongConfig
from partimento.tasks.piano.strong_task import StrongDataConfig


class StrongRecipe(PianoRecipe):
    """A training of the strong model."""

    kind: Literal["strong"] = Field("strong", description="which network")
    model: StrongConfig = StrongConfig()
    data: StrongDataConfig = StrongDataConfig()
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
            raise ValueError("crops have the lengths of data.lengths: set curriculum.on to false")
        if max(self.data.lengths) > self.model.context:
            raise ValueError(
                f"data.lengths asks for {max(self.data.lengths)} steps, "
                f"more than model.context {self.model.context}"
            )
        if len(self.data.lengths) != len(self.data.length_shares):
            raise ValueError("data.length_shares needs one share for each of data.lengths")
        if abs(sum(self.data.length_shares) - 1) > 1e-6:
            raise ValueError("data.length_shares must add up to 1")
        return self
