"""Causal attention in blocks of queries.

On a CPU the fused kernel is slow in the backward pass; plain products of blocks, each with only
the keys that it may see, train twice as fast (512 positions, heads of 64, bfloat16, one core).
Relative positions, padding and dropout of the weights, which the fused kernel cannot have, run
here on every device.

Shape suffixes: B batch, H heads, T positions, E width of a head, R distances.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from partimento.nn.skew import relative_logits

BLOCK = 256


def blocked_attention(
    q_BHTE: Tensor,
    k_BHTE: Tensor,
    v_BHTE: Tensor,
    block: int = BLOCK,
    *,
    scale: float | None = None,
    distance_RE: Tensor | None = None,
    padded_BT: Tensor | None = None,
    dropout: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Scaled dot-product attention to the present and the past: (B, H, T, E).

    ``scale`` multiplies the scores (default: E ** -0.5).  ``distance_RE`` adds relative logits
    (:mod:`partimento.nn.skew`) before that.  ``padded_BT`` is true on padding, which no other
    position sees.  ``dropout`` acts on the weights.
    """
    steps = q_BHTE.shape[2]
    hidden = torch.full((block, block), -torch.inf, dtype=q_BHTE.dtype, device=q_BHTE.device)
    hidden = hidden.triu(1)
    q_BHTE = q_BHTE * (q_BHTE.shape[-1] ** -0.5 if scale is None else scale)
    mixed = []
    for start in range(0, steps, block):
        stop = min(start + block, steps)
        q = q_BHTE[:, :, start:stop]
        scores = q @ k_BHTE[:, :, :stop].transpose(-1, -2)
        if distance_RE is not None:
            scores = scores + relative_logits(q, distance_RE, stop)
        size = stop - start
        scores[..., start:] += hidden[:size, :size]
        if padded_BT is not None:
            scores = scores.masked_fill(hidden_padding(padded_BT, start, stop), -torch.inf)
        weights = scores.softmax(-1)
        if dropout is not None:
            weights = dropout(weights)
        mixed.append(weights @ v_BHTE[:, :, :stop])
    return torch.cat(mixed, 2)


def hidden_padding(padded_BT: Tensor, start: int, stop: int) -> Tensor:
    """(B, 1, stop - start, stop) true where a key is padding; each position still sees itself.

    So that the softmax of a padded position, which nobody looks at, stays a number.
    """
    place = torch.arange(stop, device=padded_BT.device)
    itself = place[start:, None] == place
    return padded_BT[:, None, None, :stop] & ~itself
