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


def smoothed_nll(
    logits: Float[Tensor, "*N V"],
    target: Int[Tensor, "*N"],
    smoothing: float,
    real: Bool[Tensor, " V"],
) -> Float[Tensor, "*N"]:
    """Cross-entropy in nats of every prediction against a smoothed target.

    The target is (1 - smoothing) on the right class and smoothing spread evenly over the classes
    that are ``real`` (Szegedy et al. 2016, section 7); padding and start marks, which never follow
    anything, get none.  Positions that are padding themselves are left out by
    :func:`masked_mean` of the result.

    Raises ValueError for a smoothing outside [0, 1), or when no class is real.
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"label smoothing goes from 0 to below 1, not {smoothing}")
    nll = token_nll(logits, target)
    if smoothing == 0:
        return nll
    if not bool(real.any()):
        raise ValueError("no class is real")
    spread = -logits.float().log_softmax(-1)[..., real].mean(-1)
    return (1 - smoothing) * nll + smoothing * spread
