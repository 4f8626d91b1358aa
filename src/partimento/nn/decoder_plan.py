"""What a decoder computes, read off its modules: the one description behind every fast path.

Shape suffixes: T positions, D width, E width of a head, R distances.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from partimento.nn.decoder import Activation, Decoder, DecoderBlock, SwiGLU


@dataclass(frozen=True)
class NormPlan:
    """A layer or RMS normalisation; ``kind`` "none" passes on what it gets."""

    kind: Literal["none", "layer", "rms"]
    eps: float = 0.0
    weight: Tensor | None = None
    bias: Tensor | None = None


@dataclass(frozen=True)
class MatrixPlan:
    """A linear layer: weight (out, in) and bias (out,) or None."""

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, layer: nn.Linear) -> MatrixPlan:
        """The plan of a linear layer, detached, fp32."""
        bias = None if layer.bias is None else layer.bias.detach().float()
        return cls(layer.weight.detach().float(), bias)


@dataclass(frozen=True)
class LayerPlan:
    """One block; ``up`` holds gate and up one above the other in SwiGLU."""

    attention_norm: NormPlan
    qkv: MatrixPlan
    out: MatrixPlan
    feedforward_norm: NormPlan
    up: MatrixPlan
    down: MatrixPlan
    distance_RE: Tensor | None
    """Embeddings of the distances, nearest first; None without relative positions."""


@dataclass(frozen=True)
class DecoderPlan:
    """The whole decoder."""

    layers: tuple[LayerPlan, ...]
    norm: NormPlan
    width: int
    heads: int
    max_length: int
    activation: Activation
    post_norm: bool
    score_scale: float
    """Scores are q k (plus relative logits) times this."""
    cos_TE: Tensor | None
    sin_TE: Tensor | None
    """Rotary tables; None without rotary positions."""
    added_TD: Tensor | None
    """Positions added to the input, if any."""
    packed: dict[tuple[int, str], Any] = field(default_factory=dict, compare=False, repr=False)
    """Matrices as a path has packed them, by the layer's identity and the precision: made once for
    all decoders of this plan."""

    @property
    def head_width(self) -> int:
        """Features of a head."""
        return self.width // self.heads

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.layers[0].qkv.weight.device

    def weight_count(self) -> int:
        """Numbers in all matrices."""
        return sum(m.weight.numel() for b in self.layers for m in (b.qkv, b.out, b.up, b.down))


def plan_of(decoder: Decoder) -> DecoderPlan:
    """Read a decoder's modules.  The plan shares its weights; do not train while it is used."""
    blocks = [cast(DecoderBlock, block) for block in decoder.blocks]
    attention = blocks[0].attention
    rotary, added = attention.rotary, decoder.added_TD
    return DecoderPlan(
        layers=tuple(_layer(block) for block in blocks),
        norm=_norm(decoder.norm),
        width=attention.qkv.in_features,
        heads=attention.heads,
        max_length=decoder.max_length,
        activation=decoder.activation,
        post_norm=decoder.post_norm,
        score_scale=attention.score_scale,
        cos_TE=attention.cos_TE.float() if rotary else None,
        sin_TE=attention.sin_TE.float() if rotary else None,
        added_TD=None if added is None else added.detach().float(),
    )


def _layer(block: DecoderBlock) -> LayerPlan:
    attention, inner = block.attention, block.feedforward
    distance = attention.distance_RE
    return LayerPlan(
        attention_norm=_norm(block.attention_norm),
        qkv=MatrixPlan.of(attention.qkv),
        out=MatrixPlan.of(attention.out),
        feedforward_norm=_norm(block.feedforward_norm),
        up=MatrixPlan.of(inner.gate_up if isinstance(inner, SwiGLU) else inner.up),
        down=MatrixPlan.of(inner.down),
        distance_RE=None if distance is None else distance.detach().float(),
    )


def _norm(module: nn.Module) -> NormPlan:
    if isinstance(module, nn.Identity):
        return NormPlan("none")
    if isinstance(module, nn.RMSNorm):
        eps = module.eps if module.eps is not None else torch.finfo(torch.float32).eps
        return NormPlan("rms", eps, module.weight.detach().float())
    if isinstance(module, nn.LayerNorm):
        bias = None if module.bias is None else module.bias.detach().float()
        return NormPlan("layer", module.eps, module.weight.detach().float(), bias)
    raise TypeError(f"no fast path for the normalisation {type(module).__name__}")
