"""Recipes: the one complete description of an audio2visual training."""

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
from partimento.training.config import CardConfig

PACKAGE = "partimento.tasks.audio2visual"
KINDS: dict[str, tuple[str, str]] = {
    "source": ("source_recipe:SourceRecipe", "source_task:build"),
    "light": ("source_recipe:LightRecipe", "source_task:build"),
    "encoder": ("encoder_recipe:EncoderRecipe", "encoder_recipe:train_encoder"),
}
"""Kind -> schema of its recipes, and the function that makes the training task of one.

The function takes the recipe and the short name of its file; that of ``encoder`` trains at once.
Both are loaded when used, for they need torch.
"""


class SoundCard(CardConfig):
    """What the checkpoint tells about itself."""

    name: str = Field("audio2visual", description="short name of the weights")


def part_of_kind(kind: str, which: Literal["schema", "build"]) -> Any:
    """Schema or build function of a kind.

    Raises ConfigError for a kind that is not in :data:`KINDS`.
    """
    if kind not in KINDS:
        raise ConfigError(
            f"unknown kind of audio2visual model {kind[:40]!r} ({close_matches(kind, KINDS)})",
            fix=f"Use {' or '.join(KINDS)}",
        )
    module, _, name = KINDS[kind][which == "build"].partition(":")
    return getattr(import_module(f"{PACKAGE}.{module}"), name)


def check_recipe(values: dict[str, Any], where: str) -> Config:
    """A recipe from plain values; without ``task`` they are keys of the source's own JSON.

    Raises ConfigError that names every wrong field.
    """
    if "task" not in values:
        from partimento.tasks.audio2visual.source_json import recipe_of_json

        return recipe_of_json(values, where)
    schema = part_of_kind(str(values.get("kind", "source")), "schema")
    recipe: Config = validate_config(schema, values, where)
    return recipe


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe with ``a.b=value`` overrides.  Raises ConfigError for anything wrong in it."""
    return check_recipe(*read_values(path, overrides))
