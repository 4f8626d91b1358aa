"""What a planted fault is, and what a small task must be able to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from partimento.doctor.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, in a run that is otherwise healthy."""

    name: str
    task: str
    """Name of the small task."""
    settings: Mapping[str, Any]
    """Settings of the small task that differ from the healthy ones."""
    codes: tuple[str, ...]
    """Codes of findings that name this cause; the first is the best name."""
    what: str
    """One sentence for people."""
    diary: str = ""
    """The diary that tells of it: one of the five tasks, or empty."""
    tags: tuple[str, ...] = ()
    debugger: tuple[str, ...] = field(default=())
    """Rules of the baselines that are made for this kind of fault."""


@runtime_checkable
class SmallTask(Protocol):
    """A real model of a slice in small, on made data, trained in seconds on one thread."""

    @property
    def name(self) -> str:
        """Of the slice."""
        ...

    @property
    def healthy(self) -> Mapping[str, Any]:
        """Every setting with its healthy value; flat names such as "training.lr"."""
        ...

    def run(self, settings: Mapping[str, Any], seed: int, *, watched: bool = True) -> Case:
        """Train with the settings (healthy ones but those given) and tell all that is known.

        Raises ValueError for a setting that does not exist.
        """
        ...

    def figure(self, case: Case) -> float:
        """How well the trained model does on held-out data; higher is better."""
        ...
