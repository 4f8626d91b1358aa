"""Changes of settings as remedies: named as the recipe names them, and only where it has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from partimento.doctor.case import Case
from partimento.doctor.settings import find


def setting_change(
    case: Case, name: str, changed: Callable[[float], float]
) -> dict[str, dict[str, float]]:
    """``{"change": {dotted name: new value}}`` for a numeric setting; empty where there is none.

    Values are rounded to two digits: a remedy is no precision work.
    """
    found = find(case.config, name)
    if found is None or isinstance(found[1], bool) or not isinstance(found[1], int | float):
        return {}
    return {"change": {found[0]: float(f"{changed(float(found[1])):.2g}")}}


def whole_change(case: Case, name: str, changed: Callable[[int], int]) -> dict[str, dict[str, int]]:
    """The same for a setting that counts something."""
    found = find(case.config, name)
    if found is None or isinstance(found[1], bool) or not isinstance(found[1], int):
        return {}
    return {"change": {found[0]: changed(found[1])}}


def lower_rate(case: Case) -> str:
    """The remedy in words."""
    found: Any = find(case.config, "lr")
    return f"lower {found[0]} (now {found[1]:g})" if found else "lower the learning rate"
