"""Sums, softmax and entropy within groups of rows, without a loop over the groups.

Legend: N rows, M groups, H heads, D width.  ``group_N`` int64 says which group a row is in, in
any order; a group may be empty.
"""

from __future__ import annotations

import torch
from torch import Tensor

from partimento.nn.shapes import Float, Int


def segment_sum(
    values: Float[Tensor, "N D"], group: Int[Tensor, " N"], groups: int
) -> Float[Tensor, "M D"]:
    """Sum of the rows of each of ``groups`` groups; 0 for an empty one."""
    return values.new_zeros(groups, *values.shape[1:]).index_add(0, group, values)


def segment_sizes(group: Int[Tensor, " N"], groups: int) -> Int[Tensor, " M"]:
    """Rows of each group."""
    return torch.zeros(groups, dtype=torch.int64, device=group.device).index_add(
        0, group, torch.ones_like(group)
    )


def segment_softmax(
    logits: Float[Tensor, "N H"], group: Int[Tensor, " N"], groups: int, temperature: float = 1.0
) -> Float[Tensor, "N H"]:
    """Softmax of ``logits / temperature`` over the rows of each group, per head.

    Raises ValueError for a temperature that is not above 0.
    """
    if temperature <= 0:
        raise ValueError(f"a temperature is above 0, not {temperature}")
    scaled = logits / temperature
    index = group[:, None].expand_as(scaled)
    # The largest logit cancels out, so no gradient flows through it.
    top = scaled.new_full((groups, scaled.shape[1]), -torch.inf)
    top = top.scatter_reduce(0, index, scaled.detach(), "amax")
    weights = (scaled - top[group]).exp()
    return weights / segment_sum(weights, group, groups)[group]


def segment_entropy(
    weights: Float[Tensor, "N H"], group: Int[Tensor, " N"], groups: int
) -> Float[Tensor, "M H"]:
    """Entropy in nats of the weights of each group, divided by the logarithm of its size.

    1 is an even spread, 0 all weight on one row.  NaN for groups of fewer than two rows, which
    have no choice.
    """
    # A weight of exactly 0 adds nothing, and its logarithm must not make a NaN gradient.
    nats = -weights * weights.clamp_min(torch.finfo(weights.dtype).tiny).log()
    sizes = segment_sizes(group, groups).to(weights.dtype)
    most = sizes.clamp_min(1.0).log()[:, None]
    found = segment_sum(nats, group, groups) / torch.where(most > 0, most, 1.0)
    return torch.where(sizes[:, None] > 1, found, torch.nan)
