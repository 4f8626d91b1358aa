"""The decoder-only backbone of piano and text2midi: embedded inputs in, hidden states out.

Without options it is a small Llama: pre-norm blocks with RMS norms, rotary positions, SwiGLU, no
biases.  With others it is the Music Transformer (Huang et al. 2019) or GPT-2.

Shape suffixes: B batch, T positions, D width, F feed-forward width.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from partimento.nn.blocks import sinusoids
from partimento.nn.causal import CausalAttention, rotary_tables, rotate
from partimento.nn.dropout import ByteDropout
from partimento.nn.norm import FastRMSNorm

__all__ = [
    "Activation",
    "CausalAttention",
    "Decoder",
    "DecoderBlock",
    "FeedForward",
    "NormKind",
    "NormPlace",
    "Positions",
    "SwiGLU",
    "rotary_tables",
    "rotate",
]

Positions = Literal["rotary", "absolute", "sinusoidal", "relative", "none"]
NormPlace = Literal["pre", "post"]
NormKind = Literal["layer", "rms"]
Activation = Literal["relu", "gelu", "swiglu"]


class SwiGLU(nn.Module):
    """Gated feed-forward (Shazeer 2020): down(silu(gate(x)) * up(x))."""

    def __init__(self, width: int, hidden: int, bias: bool = False) -> None:
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * hidden, bias=bias)
        self.down = nn.Linear(hidden, width, bias=bias)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Position by position."""
        gate, up = self.gate_up(x_BTD).chunk(2, -1)
        return self.down(F.silu(gate) * up)


class FeedForward(nn.Module):
    """down(relu(up(x))), or with the exact GELU in the middle."""

    def __init__(
        self, width: int, hidden: int, activation: Literal["relu", "gelu"], bias: bool
    ) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden, bias=bias)
        self.down = nn.Linear(hidden, width, bias=bias)
        self.activation = activation

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Position by position."""
        hidden_BTF = self.up(x_BTD)
        if self.activation == "relu":
            return self.down(F.relu(hidden_BTF))
        return self.down(F.gelu(hidden_BTF))


def _norm(kind: NormKind, width: int) -> nn.Module:
    return FastRMSNorm(width, eps=1e-6) if kind == "rms" else nn.LayerNorm(width)


class DecoderBlock(nn.Module):
    """Attention and feed-forward, each added to the stream, with the norm before or after."""

    def __init__(
        self,
        attention: CausalAttention,
        feedforward: SwiGLU | FeedForward,
        *,
        norm: NormPlace,
        norm_kind: NormKind,
        dropout: float,
    ) -> None:
        super().__init__()
        width = attention.qkv.in_features
        self.post = norm == "post"
        self.attention_norm = _norm(norm_kind, width)
        self.attention = attention
        self.feedforward_norm = _norm(norm_kind, width)
        self.feedforward = feedforward
        self.dropout = ByteDropout(dropout)

    def forward(self, x_BTD: Tensor, pad_mask: Tensor | None = None) -> Tensor:
        """Attention, then feed-forward."""
        if self.post:
            mixed = self.attention(x_BTD, pad_mask)
            x_BTD = self.attention_norm(x_BTD + self.dropout(mixed))
            return self.feedforward_norm(x_BTD + self.dropout(self.feedforward(x_BTD)))
        x_BTD = x_BTD + self.dropout(self.attention(self.attention_norm(x_BTD), pad_mask))
        return x_BTD + self.dropout(self.feedforward(self.feedforward_norm(x_BTD)))


class Decoder(nn.Module):
    """A stack of causal blocks on embedded inputs.

    Parameters
    ----------
    feedforward: hidden width F of the feed-forward layers (each half, with ``swiglu``).
    max_length: most positions in one forward pass.
    positions: ``rotary`` turns queries and keys; ``relative`` learns an embedding per distance in
        every block; ``absolute`` (learned) and ``sinusoidal`` are added to the input here.
    norm: before every sublayer, with one more at the end, or ``post``: after every sum.
    dropout: of what the first block adds; in the last it is ``last_dropout`` (default: the same),
        in between it goes evenly from one to the other.
    attention_dropout: of the attention weights of all blocks.
    attention_temperature: divides all attention logits.

    Raises ValueError for heads that do not divide the width, and for dropouts outside [0, 1).
    """

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        heads: int,
        feedforward: int,
        max_length: int,
        positions: Positions = "rotary",
        norm: NormPlace = "pre",
        norm_kind: NormKind = "rms",
        activation: Activation = "swiglu",
        bias: bool = False,
        dropout: float = 0.0,
        last_dropout: float | None = None,
        attention_dropout: float = 0.0,
        attention_temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.max_length, self.positions = max_length, positions
        self.activation: Activation = activation
        self.post_norm = norm == "post"

        def block(share: float) -> DecoderBlock:
            attention = CausalAttention(
                *(width, heads, max_length, positions == "rotary", bias),
                relative=positions == "relative",
                temperature=attention_temperature,
                dropout=attention_dropout,
            )
            if activation == "swiglu":
                inner: SwiGLU | FeedForward = SwiGLU(width, feedforward, bias)
            else:
                inner = FeedForward(width, feedforward, activation, bias)
            return DecoderBlock(attention, inner, norm=norm, norm_kind=norm_kind, dropout=share)

        self.blocks = nn.ModuleList(map(block, dropouts(layers, dropout, last_dropout)))
        self.norm = nn.Identity() if self.post_norm else _norm(norm_kind, width)
        self.places = nn.Embedding(max_length, width) if positions == "absolute" else None
        self.waves_TD: Tensor | None
        waves = sinusoids(max_length, width) if positions == "sinusoidal" else None
        self.register_buffer("waves_TD", waves, persistent=False)

    @property
    def added_TD(self) -> Tensor | None:
        """Positions (max_length, D) that are added to the input; None where there are none."""
        return self.waves_TD if self.places is None else self.places.weight

    def forward(self, x_BTD: Tensor, *, pad_mask: Tensor | None = None) -> Tensor:
        """Hidden states (B, T, D) of at most ``max_length`` positions.

        ``pad_mask`` (B, T) is true on padding, which no other position then sees.  Padding after
        the end needs none: the past never sees it.
        """
        steps = x_BTD.shape[1]
        if steps > self.max_length:
            raise ValueError(f"{steps} positions, but the decoder takes {self.max_length}")
        added_TD = self.added_TD
        if added_TD is not None:
            x_BTD = x_BTD + added_TD[:steps].to(x_BTD.dtype)
        for block in self.blocks:
            x_BTD = block(x_BTD, pad_mask)
        return self.norm(x_BTD)


def dropouts(layers: int, first: float, last: float | None) -> list[float]:
    """Dropout of every block, going evenly from ``first`` to ``last`` (None: the same).

    Raises ValueError for a value outside [0, 1).

    >>> dropouts(3, 0.2, 0.1)
    [0.2, 0.15, 0.1]
    """
    last = first if last is None else last
    if not (0 <= first < 1 and 0 <= last < 1):
        raise ValueError(f"dropout goes from 0 to below 1, not {first} to {last}")
    steps = max(1, layers - 1)
    return [round(first + (last - first) * i / steps, 10) for i in range(layers)]
