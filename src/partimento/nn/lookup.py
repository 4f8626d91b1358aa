"""Sums of table look-ups."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SumEmbedding(nn.Module):
    """Sum of several table look-ups in one call; tables are stacked with offsets.

    Input: integers (..., N), column n indexes table n.  Output (..., D).  In training each
    look-up is left out with probability ``drop`` (word dropout), the others scaled up.
    """

    def __init__(self, sizes: list[int], width: int, drop: float = 0.0, std: float = 0.05):
        super().__init__()
        self.drop = drop
        offsets = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.offsets: Tensor
        self.register_buffer("offsets", offsets, persistent=False)
        self.table = nn.Parameter(torch.randn(sum(sizes), width) * std)

    def forward(self, index: Tensor) -> Tensor:
        """Look up and sum."""
        flat = (index + self.offsets).reshape(-1, index.shape[-1])
        keep = None
        if self.training and self.drop:
            keep = (torch.rand(flat.shape, device=flat.device) >= self.drop) / (1 - self.drop)
            keep = keep.to(self.table.dtype)
        out = F.embedding_bag(flat, self.table, mode="sum", per_sample_weights=keep)
        return out.view(*index.shape[:-1], -1)
