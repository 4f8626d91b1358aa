"""Recipes: the one complete description of a text2midi training."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from partimento.core.config import (
    Config,
    close_matches,
    read_values,
    validate_config,
)
from partimento.core.errors import ConfigError
from partimento.training.config import CardConfig, TrainingConfig

PACKAGE = "partimento.tasks.text2midi"
KINDS: dict[str, tuple[str, str]] = {
    "source": ("source_recipe:SourceRecipe", "source_task:build"),
    "strong": ("strong_recipe:StrongRecipe", "strong_task:build"),
}
"""Kind -> schema of its recipes, and the function that makes the training task of one.

The function takes the recipe and the short name of its file.  Both are loaded when used, for they
need torch.
"""


class TextCard(CardConfig):
    """What the checkpoint tells about itself."""

    name: str = Field("text2midi", description="short name of the weights")


class TextRecipe(Config):
    """One complete training; the recipes of the kinds say of which network."""

    task: Literal["text2midi"] = Field("text2midi", description="the slice")
    kind: Literal["source", "strong"] = Field("source", description="which network")
    card: TextCard = TextCard()
    model: Config = Field(description="the network")
    data: Config = Field(description="the pieces")
    training: TrainingConfig = TrainingConfig()


def part_of_kind(kind: str, which: Literal["schema", "build"]) -> Any:
    """Schema or build function of a kind.

    Raises ConfigError for a kind that is not in :data:`KINDS`.
    """
    if kind not in KINDS:
        raise ConfigError(
            f"unknown kind of text2midi model {kind[:40]!r} ({close_matches(kind, KINDS)})",
            fix=f"Use {' or '.join(KINDS)}",
        )
    module, _, name = KINDS[kind][which == "build"].partition(":")
    return getattr(import_module(f"{PACKAGE}.{module}"), name)


def check_recipe(values: dict[str, Any], where: str) -> TextRecipe:
    """A recipe from plain values.  Raises ConfigError that names every wrong field."""
    schema = part_of_kind(str(values.get("kind", "source")), "schema")
    recipe: TextRecipe = validate_config(schema, values, where)
    return recipe


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> TextRecipe:
    """Read a recipe with ``a.b=value`` overrides.  Raises ConfigError for anything wrong in it."""
    return check_recipe(*read_values(path, overrides))
