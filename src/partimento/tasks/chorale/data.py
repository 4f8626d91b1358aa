"""Training windows for the source network, cut from pieces on the 16th grid.

Legend: B windows, T steps, C four channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from partimento.tasks.chorale.api import SILENCE
from partimento.tasks.chorale.model import START


class Windows(NamedTuple):
    """A batch: the frame before each step, the frame to predict, and which steps are real."""

    input_BTC: Tensor
    target_BTC: Tensor
    keep_BT: Tensor


def data_hash(grids: Sequence[np.ndarray]) -> str:
    """SHA-256 over the lengths and notes of the pieces, in order."""
    digest = hashlib.sha256()
    for grid in grids:
        array = np.ascontiguousarray(grid, dtype="<i2")
        digest.update(len(array).to_bytes(4, "little"))
        digest.update(array.tobytes())
    return digest.hexdigest()


def cut_windows(
    pieces_T4: Sequence[np.ndarray], rows: np.ndarray, window: int, shifts: np.ndarray | None = None
) -> Windows:
    """The windows of ``rows`` (piece, start), see :func:`partimento.training.samplers`.

    ``pieces_T4`` are tokens (:func:`partimento.tasks.chorale.api.tokens_of`).  A window that begins
    before its piece is moved to the beginning and loses its end instead, so ``START`` only ever
    stands in the first row; what lies behind the end is not kept.  ``shifts`` transposes each
    window by so many semitones.
    """
    inputs = np.full((len(rows), window, 4), SILENCE, dtype=np.int64)
    targets = np.full((len(rows), window, 4), SILENCE, dtype=np.int64)
    keep = np.zeros((len(rows), window), dtype=bool)
    for b, (piece, start) in enumerate(rows):
        tokens = pieces_T4[piece]
        if shifts is not None:
            tokens = np.where(tokens == SILENCE, SILENCE, tokens + shifts[b])
        first, stop = max(0, int(start)), min(int(start) + window, len(tokens))
        before = tokens[first - 1 : stop - 1] if first else tokens[: stop - 1]
        count = stop - first
        if first == 0:
            inputs[b, 0] = START
        inputs[b, int(first == 0) : count] = before
        targets[b, :count] = tokens[first:stop]
        keep[b, :count] = True
    return Windows(*(torch.from_numpy(a) for a in (inputs, targets, keep)))


def find_pieces(file: str | None, split: str) -> list[np.ndarray]:
    """The grids of one part of a canonical file, or of the corpus ``chorales``.

    Raises DataError or InputFileError when it is not there or has another layout.
    """
    from partimento.music.corpora import corpus_path
    from partimento.music.grid import load_canonical

    return load_canonical(Path(file) if file else corpus_path("chorales"), split)
