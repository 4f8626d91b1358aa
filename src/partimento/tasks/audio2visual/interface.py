"""What the parts of this slice hand to each other.

Shape suffixes: B clips, K concepts (:data:`~partimento.tasks.audio2visual.concepts.CONCEPTS`),
D numbers of a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from partimento.music.audio import Sound


@dataclass(frozen=True, slots=True)
class Heard:
    """What a model makes of one sound."""

    label: str
    """The likeliest of the model's labels (a sound's name, or "Music")."""
    confidence: float
    """Calibrated probability of the label, 0 to 1."""
    top: tuple[tuple[str, float], ...]
    """The three likeliest labels with their probabilities, falling."""
    unknown: bool
    """True where the sound is like none of those that the model knows."""
    unknown_score: float
    """Rises with strangeness; ``unknown`` where it is above the model's threshold."""
    weights_K: np.ndarray = field(repr=False)
    """How much of each concept: float64, near one concept's row for a clear sound, sum 1."""
    code_D: np.ndarray = field(repr=False)
    """The pooled code that everything else is computed from, float32."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form: label, confidence, top, unknown, unknown_score."""
        return {
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "top": [[name, round(value, 4)] for name, value in self.top],
            "unknown": self.unknown,
            "unknown_score": round(self.unknown_score, 4),
        }


@runtime_checkable
class SoundModel(Protocol):
    """A model that hears."""

    @property
    def name(self) -> str:
        """Name of the weights."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """What :attr:`Heard.label` may be."""
        ...

    def listen(self, sounds: Sequence[Sound]) -> list[Heard]:
        """One answer per sound; a sound's answer does not depend on the others."""
        ...
