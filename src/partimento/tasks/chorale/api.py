"""What every chorale model can do, so that evaluation and inspection need no special cases.

A grid is an int array ``(T, 4)``: one row per 16th note, columns soprano, alto, tenor, bass, values
MIDI pitches and -1 for silence.  Tokens are the pitches, and ``SILENCE`` in the place of -1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

SILENCE = 128
"""Token of a silent cell (``O`` in text)."""

VOCABULARY = 129
"""Pitches 0..127 and silence."""

CHANNELS = ("soprano", "alto", "tenor", "bass")
"""The four channels in their fixed order."""

Meta = Mapping[str, np.ndarray]
"""Per-frame metadata as :func:`partimento.music.frames.frame_metadata` gives it."""


@runtime_checkable
class ChoraleModel(Protocol):
    """A model that can be scored and looked into."""

    @property
    def context(self) -> int:
        """Longest passage, in frames, that one forward pass sees."""
        ...

    def step_log_probs(self, grid_T4: np.ndarray, meta: Meta | None = None) -> np.ndarray:
        """Teacher-forced log probabilities ``(T, 4, 129)`` in nats, in chronological order.

        Row t uses no frame after t.  Evaluation mode, no gradients, float32 or better.
        """
        ...

    def observe(self, grid_T4: np.ndarray, meta: Meta | None = None) -> None:
        """One forward pass over a passage of at most :attr:`context` frames, for the taps.

        Layers record ``self_attention`` ``(B, C, H, T, T)`` or ``(B, H, T, T)`` and
        ``cross_channel_attention`` ``(B, T, H, 4, 4)`` where they have such attention.
        """
        ...


def tokens_of(grid_T4: np.ndarray) -> np.ndarray:
    """Tokens ``(T, 4)`` int64 of a grid.

    Raises ValueError for another shape, or for values that are neither -1 nor MIDI pitches.
    """
    grid = np.asarray(grid_T4)
    if grid.ndim != 2 or grid.shape[1] != 4:
        raise ValueError(f"a grid has the shape (T, 4), not {grid.shape}")
    if grid.size and not (grid.min() >= -1 and grid.max() <= 127):
        raise ValueError("a complete grid holds -1 (silence) and MIDI pitches 0 to 127 only")
    return np.where(grid < 0, SILENCE, grid).astype(np.int64)


def truth_nll(log_probs_T4V: np.ndarray, grid_T4: np.ndarray) -> np.ndarray:
    """Negative log likelihood ``(T, 4)`` in nats of the notes that stand in the grid."""
    tokens = tokens_of(grid_T4)
    return -np.take_along_axis(log_probs_T4V, tokens[..., None], axis=2)[..., 0]
