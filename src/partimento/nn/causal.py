"""Causal self-attention with rotary, relative or no positions.

Shape suffixes: B batch, T positions, D width, H heads, E width of a head, R distances.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partimento.nn import tap
from partimento.nn.attention import causal_mask
from partimento.nn.blocked import blocked_attention, hidden_padding
from partimento.nn.dropout import ByteDropout
from partimento.nn.skew import relative_logits


def rotary_tables(length: int, head_width: int, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosine and sine (length, head_width) of Su et al. 2021, the halves of a head paired."""
    rate = base ** (-torch.arange(0, head_width, 2, dtype=torch.float32) / head_width)
    angle = torch.arange(length, dtype=torch.float32)[:, None] * rate
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotate(x_BHTE: Tensor, cos_TE: Tensor, sin_TE: Tensor) -> Tensor:
    """Turn each pair (i, i + E/2) by the angle of its position."""
    a, b = x_BHTE.chunk(2, -1)
    return x_BHTE * cos_TE + torch.cat([-b, a], -1) * sin_TE


class CausalAttention(nn.Module):
    """Multi-head attention to the present and the past.

    Parameters
    ----------
    rotary: turn queries and keys by their position.
    relative: add the product of the query with a learned embedding of the distance, one table for
        all heads (Huang et al. 2019).
    temperature: divides the logits; above 1 attention is spread wider, below 1 it is sharper.
    dropout: of the weights, in training.

    Raises ValueError when the heads do not divide the width, or rotary heads have an odd width.
    """

    cos_TE: Tensor
    sin_TE: Tensor

    def __init__(
        self,
        width: int,
        heads: int,
        max_length: int,
        rotary: bool,
        bias: bool,
        *,
        relative: bool = False,
        temperature: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads, self.rotary, self.temperature = heads, rotary, temperature
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.distances = nn.Embedding(max_length, width // heads) if relative else None
        self.dropout = ByteDropout(dropout)
        if rotary:
            if width // heads % 2:
                raise ValueError(f"rotary heads need an even width, not {width // heads}")
            cos, sin = rotary_tables(max_length, width // heads)
            self.register_buffer("cos_TE", cos, persistent=False)
            self.register_buffer("sin_TE", sin, persistent=False)

    @property
    def score_scale(self) -> float:
        """What queries times keys (plus relative logits) are multiplied by."""
        head_width = self.qkv.in_features // self.heads
        return float(head_width**-0.5 / self.temperature)

    @property
    def distance_RE(self) -> Tensor | None:
        """Embeddings of the distances, nearest first; None without relative positions."""
        return None if self.distances is None else self.distances.weight

    def forward(self, x_BTD: Tensor, pad_mask: Tensor | None = None) -> Tensor:
        """Mix along T; ``pad_mask`` (B, T) is true on positions that no other may see."""
        B, T, D = x_BTD.shape
        q, k, v = self.qkv(x_BTD).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if self.rotary:
            cos, sin = self.cos_TE[:T].to(q.dtype), self.sin_TE[:T].to(q.dtype)
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if tap.listening():
            mixed = self._watched(q, k, v, pad_mask)
        elif self._fused(q, pad_mask):
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.score_scale)
        else:
            distance_RE = None if self.distances is None else self.distances.weight.to(q.dtype)
            mixed = blocked_attention(
                *(q, k, v),
                scale=self.score_scale,
                distance_RE=distance_RE,
                padded_BT=pad_mask,
                dropout=self.dropout if self.training and self.dropout.cut else None,
            )
        return self.out(mixed.transpose(1, 2).reshape(B, T, D))

    def _fused(self, q_BHTE: Tensor, pad_mask: Tensor | None) -> bool:
        """Whether PyTorch's kernel can do it, and is the faster way."""
        if self.distances is not None or pad_mask is not None:
            return False
        return not (self.training and (q_BHTE.device.type == "cpu" or self.dropout.cut))

    def _watched(self, q: Tensor, k: Tensor, v: Tensor, pad_mask: Tensor | None) -> Tensor:
        """The slow path: all weights at once, shown to the tap."""
        T = q.shape[2]
        scores = q @ k.transpose(-1, -2)
        if self.distances is not None:
            scores = scores + relative_logits(q, self.distances.weight.to(q.dtype))
        scores = (scores * self.score_scale).masked_fill(~causal_mask(T, q.device), -torch.inf)
        if pad_mask is not None:
            scores = scores.masked_fill(hidden_padding(pad_mask, 0, T), -torch.inf)
        weights = scores.softmax(-1)
        tap.record("self_attention", weights)
        return self.dropout(weights) @ v
