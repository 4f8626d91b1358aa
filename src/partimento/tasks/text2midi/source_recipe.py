"""Recipes of the source design."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.tasks.text2midi.recipe import TextRecipe
from partimento.tasks.text2midi.source_config import SourceConfig, SourceDataConfig


class SourceRecipe(TextRecipe):
    """A training of the source's decoder behind one semantic token."""

    kind: Literal["source"] = Field("source", description="which network")
    model: SourceConfig = SourceConfig()
    data: SourceDataConfig = Field(description="the pieces")

    @model_validator(mode="after")
    def _no_curriculum(self) -> SourceRecipe:
        if self.training.curriculum.on:
            raise ValueError(
                "windows always have the length of the model: set training.curriculum.on to false"
            )
        return self
