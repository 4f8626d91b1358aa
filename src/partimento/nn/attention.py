"""Multi-head attention that a probe can watch.

Legend: N any leading dimensions, T queries, S keys, D width, H heads, K width of one head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from partimento.nn import tap
from partimento.nn.shapes import Bool, Float


def causal_mask(steps: int, device: torch.device | None = None) -> Bool[Tensor, "T T"]:
    """True where a query (row) may look at a key (column): itself and everything before it."""
    return torch.ones(steps, steps, dtype=torch.bool, device=device).tril()


def attention_weights(
    q_NHTK: Tensor, k_NHSK: Tensor, allowed: Bool[Tensor, "*mask T S"] | None = None
) -> Tensor:
    """Softmax weights ``(..., H, T, S)`` of scaled dot products (Vaswani et al. 2017, eq. 1).

    ``allowed`` is True where a query may look; every row needs at least one True.
    """
    scores = q_NHTK @ k_NHSK.transpose(-1, -2) / math.sqrt(q_NHTK.shape[-1])
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -torch.inf)
    return scores.softmax(-1)


class SelfAttention(nn.Module):
    """Multi-head self-attention over the last but one dimension of ``(..., T, D)``.

    The weights ``(..., H, T, T)`` go to the tap ``tap_name``; only while a probe listens are they
    computed one by one, otherwise the fused kernel runs.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        causal: bool = False,
        dropout: float = 0.0,
        tap_name: str = "self_attention",
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads, self.causal, self.dropout, self.tap_name = heads, causal, dropout, tap_name
        self.in_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "*N T D"]) -> Float[Tensor, "*N T D"]:
        """Mix information along T."""
        *lead, steps, width = x.shape
        flat = x.reshape(-1, steps, width)
        heads_shape = (flat.shape[0], steps, 3, self.heads, width // self.heads)
        q, k, v = self.in_proj(flat).view(heads_shape).permute(2, 0, 3, 1, 4)
        if tap.listening():
            mixed = self._watched(q, k, v, lead)
        else:
            mixed = functional.scaled_dot_product_attention(
                q, k, v, is_causal=self.causal, dropout_p=self.dropout if self.training else 0.0
            )
        return self.out_proj(mixed.transpose(1, 2).reshape(flat.shape)).view(x.shape)

    def _watched(self, q: Tensor, k: Tensor, v: Tensor, lead: list[int]) -> Tensor:
        """The slow path: explicit weights, recorded with their leading dimensions restored."""
        allowed = causal_mask(q.shape[-2], q.device) if self.causal else None
        weights = attention_weights(q, k, allowed)
        tap.record(self.tap_name, weights.view(*lead, *weights.shape[1:]))
        return functional.dropout(weights, self.dropout, self.training) @ v
