"""Recipes: the one complete description of a piano training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from partimento.core.config import Config, read_values, validate_config
from partimento.core.errors import ConfigError
from partimento.training.config import CardConfig, TrainingConfig


class PianoCard(CardConfig):
    """What the checkpoint tells about itself."""

    name: str = Field("piano", description="short name of the weights")


class PianoRecipe(Config):
    """One complete training; the recipes of the kinds say of which network."""

    task: Literal["piano"] = Field("piano", description="the slice")
    kind: Literal["events", "strong"] = Field("events", description="which network")
    card: PianoCard = PianoCard()
    model: Config = Field(description="the network")
    data: Config = Field(description="the performances")
    training: TrainingConfig = TrainingConfig()


def recipe_class(kind: str) -> type[Config]:
    """The schema of a recipe whose ``kind`` is given.

    Raises ConfigError for another kind than ``events``, ``strong`` and ``expression``.
    """
    if kind == "events":
        from partimento.tasks.piano.event_recipe import EventRecipe

        return EventRecipe
    if kind == "strong":
        from partimento.tasks.piano.strong_recipe import StrongRecipe

        return StrongRecipe
    if kind == "expression":
        from partimento.tasks.piano.expression_recipe import ExpressionRecipe

        return ExpressionRecipe
    raise ConfigError(
        f"unknown kind of piano model {kind!r}", fix="Use events, strong or expression"
    )


def check_recipe(values: dict[str, Any], where: str) -> Config:
    """A recipe from plain values.  Raises ConfigError that names every wrong field."""
    return validate_config(recipe_class(str(values.get("kind", "events"))), values, where)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe with ``a.b=value`` overrides.  Raises ConfigError for anything wrong in it."""
    return check_recipe(*read_values(path, overrides))
