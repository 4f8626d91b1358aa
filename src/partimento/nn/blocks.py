"""Residual sublayers, feed-forward layers and positions.

Legend: N any leading dimensions, T steps, D width.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from partimento.nn.shapes import Float

NormPlacement = Literal["pre", "post", "both"]


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them; the inner width is ``multiplier`` times D."""

    def __init__(self, width: int, multiplier: float = 4.0, dropout: float = 0.0) -> None:
        inner = max(1, round(width * multiplier))
        super().__init__(
            nn.Linear(width, inner), nn.GELU(), nn.Dropout(dropout), nn.Linear(inner, width)
        )


class Sublayer(nn.Module):
    """``x + layer(x)`` with layer normalisation before the layer, after the sum, or both.

    ``residual=False`` drops the ``x +``: kept as an option because the source design has it, and
    because its effect (gradients that vanish with depth) is worth seeing.
    """

    def __init__(
        self,
        layer: nn.Module,
        width: int,
        *,
        norm: NormPlacement = "pre",
        residual: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layer, self.residual = layer, residual
        self.pre = nn.LayerNorm(width) if norm in ("pre", "both") else nn.Identity()
        self.post = nn.LayerNorm(width) if norm in ("post", "both") else nn.Identity()
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "*N T D"]) -> Float[Tensor, "*N T D"]:
        """Apply the wrapped layer."""
        y = self.drop(self.layer(self.pre(x)))
        return self.post(x + y if self.residual else y)


def sinusoids(steps: int, width: int) -> Float[Tensor, "T D"]:
    """Sine and cosine positions (Vaswani et al. 2017, section 3.5), sines first.

    Raises ValueError for an odd width.
    """
    if width % 2:
        raise ValueError(f"sinusoidal positions need an even width, not {width}")
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angle_TF = torch.arange(steps)[:, None] * rate[None, :]
    return torch.cat([angle_TF.sin(), angle_TF.cos()], dim=1)
