"""Recipes: the one complete description of a critique training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from partimento.core.config import Config, read_values, validate_config
from partimento.core.errors import ConfigError
from partimento.training.config import CardConfig


class CritiqueCard(CardConfig):
    """What the checkpoint tells about itself."""

    name: str = Field("critique", description="short name of the weights")


def recipe_class(kind: str) -> type[Config]:
    """The schema of a recipe whose ``kind`` is given.

    Raises ConfigError for another kind than ``network`` and ``strong``.
    """
    if kind == "network":
        from partimento.tasks.critique.network_recipe import NetworkRecipe

        return NetworkRecipe
    if kind == "strong":
        from partimento.tasks.critique.strong_recipe import StrongRecipe

        return StrongRecipe
    raise ConfigError(f"unknown kind of critique model {kind!r}", fix="Use network or strong")


def check_recipe(values: dict[str, Any], where: str) -> Config:
    """A recipe from plain values.  Raises ConfigError that names every wrong field."""
    return validate_config(recipe_class(str(values.get("kind", "network"))), values, where)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe with ``a.b=value`` overrides.  Raises ConfigError for anything wrong in it."""
    return check_recipe(*read_values(path, overrides))
