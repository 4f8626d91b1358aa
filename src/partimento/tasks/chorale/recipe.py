"""Recipes: the one complete description of a chorale training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from partimento.core.config import Config, read_values, validate_config
from partimento.core.errors import ConfigError
from partimento.tasks.chorale.config import SourceConfig
from partimento.training.config import CardConfig, TrainingConfig


class DataConfig(Config):
    """Where the pieces come from."""

    file: str | None = Field(
        None,
        description="canonical JSON file (split -> pieces -> frames of S, A, T, B); "
        "without it the corpus `chorales` that `partimento data` has built",
    )
    train_split: str = Field("train", description="name of the part to train on")
    valid_split: str = Field("valid", description="name of the part to validate on")
    transpose: int = Field(
        0, ge=0, le=11, description="largest random transposition in semitones, up or down"
    )


class ChoraleCard(CardConfig):
    """What the checkpoint tells about itself."""

    name: str = Field("chorale", description="short name of the weights")
    licence: str = Field("Apache-2.0", description="licence of the weights")


class ChoraleRecipe(Config):
    """One complete training; :class:`SourceRecipe` and ``StrongRecipe`` say of which network."""

    task: Literal["chorale"] = Field("chorale", description="the slice")
    kind: Literal["source", "strong"] = Field("source", description="which network")
    card: ChoraleCard = ChoraleCard()
    model: Config = Field(description="the network")
    data: Config = Field(description="the pieces")
    training: TrainingConfig = TrainingConfig()


class SourceRecipe(ChoraleRecipe):
    """A training of the source network."""

    kind: Literal["source"] = Field("source", description="which network")
    model: SourceConfig = SourceConfig()
    data: DataConfig = DataConfig()

    @model_validator(mode="after")
    def _optimizer(self) -> SourceRecipe:
        if self.training.optimizer.name != "adamw":
            raise ValueError("the source network is trained with training.optimizer.name adamw")
        return self


def recipe_class(kind: str) -> type[ChoraleRecipe]:
    """The schema of a recipe whose ``kind`` is given.

    Raises ConfigError for another kind than ``source`` and ``strong``.
    """
    if kind == "source":
        return SourceRecipe
    if kind == "strong":
        from partimento.tasks.chorale.strong_recipe import StrongRecipe

        return StrongRecipe
    raise ConfigError(f"unknown kind of chorale model {kind!r}", fix="Use source or strong")


def check_recipe(values: dict[str, Any], where: str) -> ChoraleRecipe:
    """A recipe from plain values.  Raises ConfigError that names every wrong field."""
    kind = values.get("kind", "source")
    return validate_config(recipe_class(str(kind)), values, where)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> ChoraleRecipe:
    """Read a recipe with ``a.b=value`` overrides.  Raises ConfigError for anything wrong in it."""
    return check_recipe(*read_values(path, overrides))
