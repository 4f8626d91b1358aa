"""Pooling by attention: learned latents look once at the frames of a clip.

Legend: B clips, S frames, I input width, L latents, D width of the latents, O output width.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from partimento.core.config import Config
from partimento.nn import tap
from partimento.nn.attention import attention_weights
from partimento.nn.norm import FastRMSNorm
from partimento.nn.shapes import Bool, Float

TAP = "map_attention"


class MapConfig(Config):
    """The attention pooling of a head."""

    width: int | None = Field(
        None,
        ge=8,
        le=8192,
        description="width of the latents; null: that of the target, as the source has it; "
        "otherwise a linear layer leads from it to the target",
    )
    heads: int = Field(4, ge=1, le=64, description="attention heads")
    mlp_ratio: float = Field(
        2.0, gt=0, le=8, description="inner width of the gated layer over the latents' width"
    )


class GatedMLP(nn.Module):
    """``out(silu(gate(x)) * value(x))``: SwiGLU (Shazeer 2020)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_and_value = nn.Linear(width, 2 * inner)
        self.out = nn.Linear(inner, width)

    def forward(self, x: Float[Tensor, "*N D"]) -> Float[Tensor, "*N D"]:
        """Gate, then mix."""
        gate, value = self.gate_and_value(x).chunk(2, dim=-1)
        return self.out(functional.silu(gate) * value)  # type: ignore[no-any-return]


class MAPBlock(nn.Module):
    """Frames (B, S, I) -> (B, O) with one latent, (B, L, O) with more.

    Multi-head attention pooling (Lee et al. 2019, Set Transformer; as a block with a gated MLP:
    Karamcheti et al. 2023, Voltron): the latents are queries of one cross-attention over the
    frames, then normalisation, gated MLP, normalisation.  Only dimension 1 is squeezed, so a batch
    of one keeps its axis.
    """

    def __init__(self, config: MapConfig, inputs: int, latents: int, outputs: int) -> None:
        super().__init__()
        width = config.width or outputs
        if width % config.heads:
            raise ValueError(f"width {width} is not a multiple of heads {config.heads}")
        self.heads, self.count = config.heads, latents
        self.latents_LD = nn.Parameter(torch.randn(latents, width) * width**-0.5)
        self.queries = nn.Linear(width, width)
        self.keys_and_values = nn.Linear(inputs, 2 * width)
        self.mixed = nn.Linear(width, width)
        self.attention_norm = FastRMSNorm(width, eps=1e-6)
        self.mlp = GatedMLP(width, max(1, round(config.mlp_ratio * width)))
        self.mlp_norm = FastRMSNorm(width, eps=1e-6)
        self.out = nn.Identity() if config.width is None else nn.Linear(width, outputs)

    def forward(
        self, frames_BSI: Float[Tensor, "B S I"], keep_BS: Bool[Tensor, "B S"] | None = None
    ) -> Tensor:
        """Pool the frames of each clip; ``keep_BS`` is False where a frame is padding."""
        x_BLD = self.latents_LD.expand(len(frames_BSI), -1, -1)
        x_BLD = self.attention_norm(x_BLD + self._attend(x_BLD, frames_BSI, keep_BS))
        x_BLD = self.mlp_norm(x_BLD + self.mlp(x_BLD))
        # squeeze() without a dimension would also drop the batch axis of a single clip.
        return self.out(x_BLD).squeeze(dim=1)  # type: ignore[no-any-return]

    def _attend(self, x_BLD: Tensor, frames_BSI: Tensor, keep_BS: Tensor | None) -> Tensor:
        q = self._split(self.queries(x_BLD))
        k, v = (self._split(part) for part in self.keys_and_values(frames_BSI).chunk(2, dim=-1))
        allowed = None if keep_BS is None else keep_BS[:, None, None, :]
        if tap.listening():
            shown = None if allowed is None else allowed.expand(-1, -1, self.count, -1)
            weights = attention_weights(q, k, shown)
            tap.record(TAP, weights)
            y = weights @ v
        else:
            y = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.mixed(y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, x_BSD: Tensor) -> Tensor:
        """(B, S, D) -> (B, heads, S, D / heads)."""
        return x_BSD.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # type: ignore[no-untyped-call]
