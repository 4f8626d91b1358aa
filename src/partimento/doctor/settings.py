"""Settings of a recipe by flat names, so that a remedy can name one that exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partimento.core.settings import flat

__all__ = ["find", "flat", "number"]


def find(config: Mapping[str, Any], *names: str) -> tuple[str, Any] | None:
    """The first setting whose last name is one of ``names``, in their order, and that is set.

    >>> find({"training": {"max_steps": None, "max_epochs": 3}}, "max_steps", "max_epochs")
    ('training.max_epochs', 3)
    """
    settings = flat(config)
    for wanted in names:
        for key, value in settings.items():
            if key.rpartition(".")[2] == wanted and value is not None:
                return key, value
    return None


def number(config: Mapping[str, Any], *names: str) -> float | None:
    """The number under the first of ``names`` that is set to one."""
    found = find(config, *names)
    if found is None or isinstance(found[1], bool) or not isinstance(found[1], int | float):
        return None
    return float(found[1])
