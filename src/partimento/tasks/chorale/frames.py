"""Frames as the strong model sees them: tokens, metadata, and what each frame tells later ones.

Shape suffixes as in :mod:`.strong`: B pieces, T frames, C four channels (S A T B).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LOW, HIGH = 28, 91
PITCHES = HIGH - LOW + 1
SILENCE_TOKEN = PITCHES
MASK_TOKEN = PITCHES + 1
VOCABULARY = PITCHES + 1
ORDER = (0, 3, 1, 2)
"""Order in which the voices of one frame are decided: soprano, bass, alto, tenor."""

MAX_AGE = 24
MAX_INTERVAL = 30
INTERVALS = 2 * MAX_INTERVAL + 2
"""Clipped intervals -30..30, and one more index for "no interval" (a silence is involved)."""

PHASES = 32
"""Phases 0..31 are 16ths since the bar line; 32..47: ``frame mod 16``, the bar is unknown."""

FERMATA_UNKNOWN = 2


@dataclass(frozen=True)
class FrameBatch:
    """Model input.  ``tokens_BTC`` holds the true tokens; everything else is derived or context.

    ``given_BTC`` marks the cells that are known in advance; ``phase_BT`` see :data:`PHASES`;
    ``fermata_BT`` 0 no, 1 yes, 2 unknown; ``key_BT`` 0 unknown, 1 + (fifths + 7) + 15 * minor;
    ``style_B`` 0 Bach, 1 hymn, 2 synthetic; ``valid_BT`` false on padding.  ``fermata_truth_BT``
    (training only) is what the fermata head learns, coded like ``fermata_BT``.
    """

    tokens_BTC: Tensor
    given_BTC: Tensor
    phase_BT: Tensor
    fermata_BT: Tensor
    key_BT: Tensor
    style_B: Tensor
    valid_BT: Tensor
    fermata_truth_BT: Tensor | None = None


@dataclass(frozen=True)
class PastFeatures:
    """What frame t shows to later frames; all (B, T, C) integers."""

    token: Tensor
    base: Tensor
    age: Tensor
    before: Tensor


def past_features(tokens_BTC: Tensor) -> PastFeatures:
    """Pitch, last sounding pitch, age in frames and previous distinct pitch of every cell."""
    T = tokens_BTC.shape[1]
    t_T = torch.arange(T, device=tokens_BTC.device)[None, :, None]
    changed = torch.ones_like(tokens_BTC, dtype=torch.bool)
    changed[:, 1:] = tokens_BTC[:, 1:] != tokens_BTC[:, :-1]
    start = torch.where(changed, t_T, 0).cummax(1).values
    age = (t_T - start + 1).clamp(max=MAX_AGE)
    before = torch.where(
        start > 0,
        tokens_BTC.gather(1, (start - 1).clamp(min=0)),
        torch.full_like(start, MASK_TOKEN),
    )
    sounding = tokens_BTC < SILENCE_TOKEN
    last = torch.where(sounding, t_T, -1).cummax(1).values
    base = torch.where(
        last >= 0, tokens_BTC.gather(1, last.clamp(min=0)), torch.full_like(last, SILENCE_TOKEN)
    )
    return PastFeatures(tokens_BTC, base, age, before)


def interval(a: Tensor, b: Tensor) -> Tensor:
    """Index of the clipped interval from ``b`` up to ``a``; the last index where one is silent."""
    index = (a - b).clamp(-MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
    return torch.where((a < PITCHES) & (b < PITCHES), index, INTERVALS - 1)


HIDDEN_TOKEN = PITCHES + 2
"""Stands for a voice that may not be seen."""


def interval_table() -> Tensor:
    """(66 + hidden, 66 + hidden) of :func:`interval`; ``INTERVALS`` where one is hidden.

    Looking up is several times cheaper than computing, above all for one frame at a time.
    """
    token = torch.arange(HIDDEN_TOKEN + 1)
    table = interval(token[:, None], token[None, :])
    table[HIDDEN_TOKEN] = table[:, HIDDEN_TOKEN] = INTERVALS
    return table


def shift_past(past: PastFeatures) -> PastFeatures:
    """Features of the frame before; the first frame sees silence of age zero."""

    def shift(x: Tensor, fill: int) -> Tensor:
        return F.pad(x[:, :-1], (0, 0, 1, 0), value=fill)

    return PastFeatures(
        shift(past.token, SILENCE_TOKEN),
        shift(past.base, SILENCE_TOKEN),
        shift(past.age, 0),
        shift(past.before, MASK_TOKEN),
    )


def single_batch(
    grid: np.ndarray,
    given: np.ndarray | None = None,
    meta: Mapping[str, np.ndarray] | None = None,
    *,
    minor: bool | None = None,
    style: int = 0,
) -> FrameBatch:
    """One piece as a batch of one.

    ``grid`` (T, 4) MIDI, -1 silence (cells that are not ``given`` may hold anything);  ``meta``
    may have ``bar_phase16``, ``fermata`` and, together with ``minor``, ``key_fifths``.
    """
    T = len(grid)
    known = meta or {}
    phase = np.minimum(known["bar_phase16"], PHASES - 1) if "bar_phase16" in known else None
    if phase is None:
        phase = PHASES + np.arange(T) % 16
    key = np.zeros(T, dtype=np.int64)
    if "key_fifths" in known and minor is not None:
        key = 1 + np.clip(known["key_fifths"], -7, 7) + 7 + 15 * int(minor)
    tokens = np.where((grid >= LOW) & (grid <= HIGH), grid - LOW, SILENCE_TOKEN)
    cells = np.zeros(grid.shape, dtype=bool) if given is None else given
    fermata = known.get("fermata", np.full(T, FERMATA_UNKNOWN))

    def integers(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array, dtype=np.int64))[None]

    return FrameBatch(
        tokens_BTC=integers(tokens),
        given_BTC=torch.from_numpy(np.array(cells, dtype=bool))[None],
        phase_BT=integers(phase),
        fermata_BT=integers(fermata),
        key_BT=integers(key),
        style_B=torch.tensor([style]),
        valid_BT=torch.ones(1, T, dtype=torch.bool),
    )
