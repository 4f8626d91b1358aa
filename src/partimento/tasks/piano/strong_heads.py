"""The strong model's inputs and outputs for one step of a few pieces, without PyTorch's cost.

:class:`partimento.tasks.piano.strong.StrongPiano` says what is computed; a test holds both equal.
A step is some two hundred operations on a few hundred numbers, and in PyTorch most of the time
would go into starting them.

Shape suffixes: B pieces side by side, D width, P 128 pitches, R recent onsets, G 101 gaps,
K 258 keys, V 32 velocity bins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from partimento.music.events import NOTE_OFF, PITCHES, VELOCITY_BINS
from partimento.nn.decoding import StaticDecoder
from partimento.tasks.piano.steps import AGE_LIMIT, GAPS, KEYS, RECENT, WAIT
from partimento.tasks.piano.strong import (
    AGES,
    DECAYS_TICKS,
    INTERVAL_SPAN,
    RHYTHM_SPAN,
    StrongPiano,
    age_class,
)
from partimento.tasks.piano.strong_rows import Rows

_PITCH, _GAP, _BIN = np.arange(PITCHES), np.arange(GAPS), np.arange(VELOCITY_BINS)
_RHYTHMS, _INTERVALS = 2 * RHYTHM_SPAN + 1, 2 * INTERVAL_SPAN + 1
_RATES = -1 / np.array(DECAYS_TICKS, dtype=np.float32)[:, None]
_SLOT = np.arange(RECENT)[:, None]


class StepHeads:
    """Embedding and heads with the weights of a network, in the precision of a decoder.

    Tables of several pieces lie one after the other and are read by flat places: ``row * size``
    and what follows.
    """

    def __init__(self, network: StrongPiano, decoder: StaticDecoder) -> None:
        self.width, self.device = network.config.width, network.gap_out.weight.device
        self.gap_in, self.key_in, self.bin_in, self.since_in, self.held_in = (
            _numpy(getattr(network, name).weight)
            for name in ("gap_in", "key_in", "bin_in", "since_in", "held_in")
        )
        self.key_gap, self.bin_gap = _numpy(network.key_gap.weight), _numpy(network.bin_gap.weight)
        self.bin_key = _numpy(network.bin_key.weight)
        self.age_class = age_class(torch.arange(AGE_LIMIT + GAPS + 1)).numpy()
        heads = (network.gap_out, network.rhythm_out, network.key_hidden, network.bin_hidden)
        keys = (network.key_out, network.age_out, network.interval_out)
        self.state_in = decoder.linear(network.state_in)
        self.first, self.keys = decoder.linear(_stacked(heads)), decoder.linear(_stacked(keys))
        self.bins = decoder.linear(_stacked((network.bin_out, network.bin_relative)))
        row = np.arange(decoder.batch)[:, None, None]
        self.rhythm_row = (row * RECENT + _SLOT) * _RHYTHMS + RHYTHM_SPAN
        self.interval_row = (row * RECENT + _SLOT) * _INTERVALS + INTERVAL_SPAN
        self.bin_row = (row * RECENT + _SLOT) * 2 * VELOCITY_BINS + VELOCITY_BINS
        self.age_row = row[:, 0] * 4 * AGES
        self.pitch_row = row[:, 0, 0] * PITCHES
        self.state = np.empty((decoder.batch, 1 + len(DECAYS_TICKS), PITCHES), dtype=np.float32)

    def embed(self, rows: Rows) -> Tensor:
        """Inputs (B, D) of the backbone for the steps just taken."""
        x = self.gap_in[rows.gap] + self.key_in[rows.key] + self.bin_in[rows.bin]
        x += self.since_in[self.age_class[rows.since_chord()]]
        ages = rows.ages()
        ended = (rows.key >= NOTE_OFF) & (rows.key < WAIT)
        if ended.any():
            held = self.age_class[ages.take(self.pitch_row + rows.key % PITCHES)]
            x += self.held_in[held] * ended[:, None]
        self.state[:, 0] = rows.sounding
        np.exp(ages[:, None] * _RATES, out=self.state[:, 1:])
        state = torch.from_numpy(self.state.reshape(len(x), -1)).to(self.device)
        return self.state_in(state) + torch.from_numpy(x).to(self.device)

    def read(self, hidden_BD: Tensor) -> Hidden:
        """What the three heads need of hidden states, computed at once."""
        parts, width = _numpy(self.first(hidden_BD)), self.width
        rhythm = parts[:, GAPS : GAPS + RECENT * _RHYTHMS]
        return Hidden(parts[:, :GAPS], rhythm, parts[:, -2 * width : -width], parts[:, -width:])

    def gap_logits(self, hidden: Hidden, rows: Rows) -> np.ndarray:
        """(B, G): how long until the next step."""
        offset = rows.since_chord()[:, None] - rows.intervals()
        distance = (offset[:, :, None] + _GAP).clip(-RHYTHM_SPAN, RHYTHM_SPAN)
        logits: np.ndarray = hidden.gap + hidden.rhythm.take(distance + self.rhythm_row).sum(1)
        return logits

    def key_logits(self, hidden: Hidden, rows: Rows, gap_B: np.ndarray) -> np.ndarray:
        """(B, K): which key, the gap being known; not yet masked."""
        logits = self._through(self.keys, hidden.key + self.key_gap[gap_B])
        ages = logits[:, KEYS : KEYS + 4 * AGES]
        place = self.age_class[rows.ages() + gap_B[:, None]] + AGES * rows.sounding + self.age_row
        distance = (_PITCH - rows.recent_pitch[:, :, None]).clip(-INTERVAL_SPAN, INTERVAL_SPAN)
        near = logits[:, KEYS + 4 * AGES :].take(distance + self.interval_row).sum(1)
        logits[:, :PITCHES] += ages.take(place) + near
        logits[:, NOTE_OFF : NOTE_OFF + PITCHES] += ages.take(place + 2 * AGES)
        return logits[:, :KEYS]

    def bin_logits(
        self, hidden: Hidden, rows: Rows, gap_B: np.ndarray, key_B: np.ndarray
    ) -> np.ndarray:
        """(B, V): how loud, gap and key being known."""
        before = hidden.loud + self.bin_gap[gap_B] + self.bin_key[key_B % PITCHES]
        logits = self._through(self.bins, before)
        place = _BIN - rows.recent_bin[:, :, None] + self.bin_row
        near = logits[:, VELOCITY_BINS:].take(place).sum(1)
        found: np.ndarray = logits[:, :VELOCITY_BINS] + near
        return found

    def _through(self, layer: Callable[[Tensor], Tensor], before_BD: np.ndarray) -> np.ndarray:
        """GELU, then a layer."""
        return _numpy(layer(gelu(torch.from_numpy(before_BD).to(self.device))))


class Hidden(NamedTuple):
    """Hidden states after the first layer of each head.

    ``gap`` (B, G), ``rhythm`` (B, R x 121), ``key`` and ``loud`` (B, D).
    """

    gap: np.ndarray
    rhythm: np.ndarray
    key: np.ndarray
    loud: np.ndarray


def _numpy(tensor: Tensor) -> np.ndarray:
    found: np.ndarray = tensor.detach().cpu().numpy()
    return found


def _stacked(layers: Sequence[nn.Linear]) -> nn.Linear:
    """One layer with the outputs of several."""
    weight = torch.cat([layer.weight.detach().float() for layer in layers])
    bias = torch.cat(
        [
            torch.zeros(layer.out_features, device=weight.device)
            if layer.bias is None
            else layer.bias.detach().float()
            for layer in layers
        ]
    )
    stacked = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    stacked.weight, stacked.bias = nn.Parameter(weight), nn.Parameter(bias)
    return stacked
