"""Named reference configurations, and a configuration beside one of them, row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from partimento.core.config import close_matches
from partimento.core.errors import ConfigError
from partimento.doctor.recipe_view import SYNONYMS, setting
from partimento.doctor.settings import flat

State = Literal["same", "differs", "missing"]
NAME_KEY = "_reference"
"""Under this key a reference in a case carries its own name; it is no setting."""
ADMINISTRATIVE = ("card", "seed", "log_every", "checkpoint_every", "keep_last", "threads",
                  "tensorboard", "deterministic", "task", "kind_of_run", "experiment_name", "cache",
                  "audio", "csv", "root", "file", "watch_every", NAME_KEY)  # fmt: skip
"""Names (whole, or of a group) that do not change what is learnt, but for chance."""


@dataclass(frozen=True)
class Reference:
    """A configuration that is known by name; it states only what its source states."""

    name: str
    task: str
    source: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One setting beside that of a reference."""

    setting: str
    value: Any
    """None where the configuration does not have it."""
    reference: Any
    state: State
    called: str = ""
    """Name in the configuration, where it is another."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "setting": self.called or self.setting,
            "value": self.value,
            "reference": self.reference,
            "state": self.state,
        }


@lru_cache(maxsize=1)
def references() -> dict[str, Reference]:
    """All named references."""
    text = (resources.files("partimento.doctor") / "references.json").read_text(encoding="utf-8")
    return {name: Reference(name=name, **values) for name, values in json.loads(text).items()}


def named_reference(name: str) -> Reference:
    """The reference of a name.  Raises ConfigError that lists the names for another one."""
    known = references()
    if name not in known:
        raise ConfigError(
            f"no reference is called {name!r}: {close_matches(name, known)}",
            where="--against",
            fix=f"Give {', '.join(known)}, shipped weights, a recipe file or a run folder",
        )
    return known[name]


def compare_rows(config: Mapping[str, Any], reference: Mapping[str, Any]) -> list[Row]:
    """Every setting that the reference states, beside that of the configuration.

    Settings are found by their full name, else by any name that means the same
    (:data:`partimento.doctor.recipe_view.SYNONYMS`), else by their last name where only one
    setting has it.  Administrative settings (seed, threads, log interval) are left out.
    """
    mine = flat(config)
    rows = []
    for name, wanted in flat(reference).items():
        if _administrative(name):
            continue
        found = _find(config, mine, name)
        if found is None:
            rows.append(Row(name, None, wanted, "missing"))
            continue
        key, value = found
        state: State = "same" if alike(value, wanted) else "differs"
        rows.append(Row(name, value, wanted, state, key if key != name else ""))
    return rows


def _administrative(name: str) -> bool:
    return any(part in ADMINISTRATIVE for part in name.split("."))


def _find(config: Mapping[str, Any], mine: Mapping[str, Any], name: str) -> tuple[str, Any] | None:
    if name in mine:
        return name, mine[name]
    for meaning, called in SYNONYMS.items():
        if any(name == one or name.endswith("." + one) for one in called):
            found = setting(config, meaning)
            if found is not None:
                return found
    last = name.rpartition(".")[2]
    same = [key for key in mine if key.rpartition(".")[2] == last]
    return (same[0], mine[same[0]]) if len(same) == 1 else None


def alike(value: Any, wanted: Any) -> bool:
    """Whether two settings mean the same: numbers to six digits, words without case.

    >>> alike("1e-4", 0.0001), alike("AdamW", "adamw"), alike(None, 0), alike(True, 1)
    (True, True, False, False)
    """
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, Mapping | list | tuple) or isinstance(wanted, Mapping | list | tuple):
        return bool(value == wanted)
    if value is None or wanted is None:
        return value is wanted
    try:
        one, other = float(value), float(wanted)
    except (TypeError, ValueError):
        return str(value).strip().lower() == str(wanted).strip().lower()
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))
