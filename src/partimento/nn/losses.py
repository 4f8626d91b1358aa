"""Losses in nats.

Legend: N any leading dimensions, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from partimento.nn.shapes import Bool, Float, Int


def token_nll(logits: Float[Tensor, "*N V"], target: Int[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """Negative log likelihood of every target in nats."""
    flat = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), target.reshape(-1), reduction="none"
    )
    return flat.view(target.shape)


def masked_mean(values: Float[Tensor, "*N"], keep: Bool[Tensor, "*N"]) -> Float[Tensor, ""]:
    """Mean over the kept values; 0 (with a gradient of 0) when none is kept."""
    weight = keep.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp_min(1.0)
