"""Attention that sums up groups of rows: notes into beats, beats into bars, notes into a clip.

Legend: N rows, M groups, D width, H heads, K width of one head.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from partimento.nn import tap
from partimento.nn.segments import segment_softmax, segment_sum
from partimento.nn.shapes import Float, Int


class Pooled(NamedTuple):
    """Groups (M, D), and the weights (N, H) with which the rows were summed."""

    groups: Tensor
    weights: Tensor


class ContextAttention(nn.Module):
    """One vector per group: a weighted sum of its rows, head by head (Yang et al. 2016).

    The logit of a row is ``tanh(W x + b) . c`` with a learnt context vector c per head; the softmax
    runs over the rows of the group and has the given temperature.

    Taps, for a ``tap_name`` such as ``beat_attention``: ``beat_attention`` the weights (N, H),
    ``beat_attention.logits`` (N, H) before the temperature, ``beat_attention.groups`` (N,).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        temperature: float = 1.0,
        init: Literal["uniform", "xavier"] = "uniform",
        tap_name: str = "context_attention",
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        if temperature <= 0:
            raise ValueError(f"a temperature is above 0, not {temperature}")
        self.heads, self.temperature, self.tap_name = heads, temperature, tap_name
        self.project = nn.Linear(width, width)
        self.context = nn.Parameter(torch.empty(heads, width // heads))
        self.initialise(init)

    def initialise(self, init: Literal["uniform", "xavier"]) -> None:
        """Draw the weights anew.

        ``uniform``: PyTorch's linear layer and a context vector in -1..1, whose logits spread
        with the width of a head.  ``xavier``: both after Glorot and Bengio (2010), biases 0: the
        attention starts nearly even.
        """
        if init == "uniform":
            self.project.reset_parameters()
            nn.init.uniform_(self.context, -1.0, 1.0)
        else:
            nn.init.xavier_uniform_(self.project.weight)
            nn.init.zeros_(self.project.bias)
            nn.init.xavier_uniform_(self.context)

    def forward(self, rows: Float[Tensor, "N D"], group: Int[Tensor, " N"], groups: int) -> Pooled:
        """Sum up the rows of each of ``groups`` groups; an empty one is 0."""
        by_head = (len(rows), self.heads, -1)
        hidden_NHK = torch.tanh(self.project(rows)).view(by_head)
        logits_NH = (hidden_NHK * self.context).sum(-1)
        weights_NH = segment_softmax(logits_NH, group, groups, self.temperature)
        tap.record(self.tap_name, weights_NH)
        tap.record(f"{self.tap_name}.logits", logits_NH)
        tap.record(f"{self.tap_name}.groups", group)
        weighted_NHK = rows.view(by_head) * weights_NH[:, :, None]
        return Pooled(segment_sum(weighted_NHK.flatten(1), group, groups), weights_NH)
