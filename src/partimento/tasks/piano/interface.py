"""What every piano model offers, whatever its tokens: likelihood of notes, and a player."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch

from partimento.music.event_grammar import EventGrammar
from partimento.music.events import TickNotes
from partimento.nn.quantised import Precision
from partimento.nn.sampling import Sampling

TYPES = ("on", "off", "shift", "velocity")
"""Order of the event types in every table of nats."""


@runtime_checkable
class Player(Protocol):
    """A running generation of several pieces side by side."""

    grammars: list[EventGrammar]
    """State of each piece: what sounds, how much time has passed."""

    def prime(self, notes: TickNotes, until_tick: int) -> None:
        """Read the same primer in every row; then each stands at ``until_tick``.

        Notes that cross ``until_tick`` are still sounding; their ends are left to the model.
        """
        ...

    def draw(self) -> list[np.ndarray]:
        """The next events of each row: one or more, within the grammar; none after the end."""
        ...


@runtime_checkable
class PianoModel(Protocol):
    """A trained model of performances."""

    context: int
    """Positions that the model sees at once."""

    def nats(self, notes: TickNotes) -> np.ndarray:
        """Nats (4,) by :data:`TYPES` of all events of the notes, the grammar's mask applied.

        The context slides by half its length, so that in long pieces every event after the first
        window is scored with at least half a context before it.
        """
        ...

    def player(
        self,
        batch: int,
        *,
        sampling: Sampling,
        generator: torch.Generator,
        precision: Precision = "fp32",
        capacity: int | None = None,
    ) -> Player:
        """A player of ``batch`` pieces; ``capacity`` positions are kept (default: the context)."""
        ...
