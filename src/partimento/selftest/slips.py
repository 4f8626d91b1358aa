"""Mistakes in code that a real network can be given: each changes what it computes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from partimento.nn import tap
from partimento.nn.attention import SelfAttention, causal_mask
from partimento.nn.blocked import hidden_padding
from partimento.nn.causal import CausalAttention
from partimento.nn.norm import FastRMSNorm
from partimento.nn.skew import relative_logits

Relative = Callable[[Tensor, Tensor], Tensor]
"""Queries (B, H, T, E) and embeddings of distances (R, E) -> logits (B, H, T, T)."""


class WrongAttention(CausalAttention):
    """Attention with a slip; a :class:`CausalAttention` is turned into one by its class alone."""

    sees_all: bool
    relative_of: Relative

    def forward(self, x_BTD: Tensor, pad_mask: Tensor | None = None) -> Tensor:
        """As the right one, one product at a time, but for the slip."""
        B, T, D = x_BTD.shape
        q, k, v = self.qkv(x_BTD).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2)
        if self.distances is not None:
            scores = scores + self.relative_of(q, self.distances.weight)
        scores = scores * self.score_scale
        if not self.sees_all:
            scores = scores.masked_fill(~causal_mask(T, q.device), -torch.inf)
        if pad_mask is not None:
            scores = scores.masked_fill(hidden_padding(pad_mask, 0, T), -torch.inf)
        weights = scores.softmax(-1)
        tap.record("self_attention", weights)
        mixed: Tensor = self.out((weights @ v).transpose(1, 2).reshape(B, T, D))
        return mixed


def see_all(model: nn.Module) -> None:
    """Forget the causal mask of all attention over time."""
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.causal = False
        elif isinstance(module, CausalAttention):
            _turn(module, sees_all=True, relative_of=relative_logits)


def skew_wrongly(model: nn.Module) -> None:
    """Skew the relative logits without turning the distances round."""
    for module in model.modules():
        if isinstance(module, CausalAttention):
            _turn(module, sees_all=False, relative_of=_not_turned)


def forget_skew(model: nn.Module) -> None:
    """Leave the relative logits where the product has them: by distance, not by key."""
    for module in model.modules():
        if isinstance(module, CausalAttention):
            _turn(module, sees_all=False, relative_of=_not_skewed)


def _turn(module: CausalAttention, *, sees_all: bool, relative_of: Relative) -> None:
    module.__class__ = WrongAttention
    assert isinstance(module, WrongAttention)
    module.sees_all, module.relative_of = sees_all, relative_of


def _not_turned(q_BHTE: Tensor, distance_RE: Tensor) -> Tensor:
    return relative_logits(q_BHTE, distance_RE[: q_BHTE.shape[-2]].flip(0))


def _not_skewed(q_BHTE: Tensor, distance_RE: Tensor) -> Tensor:
    return q_BHTE @ distance_RE[: q_BHTE.shape[-2]].flip(0).T


@torch.no_grad()
def scale_weights(model: nn.Module, factor: float) -> None:
    """Start with all matrices so many times larger; biases and norms stay."""
    if factor != 1.0:
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(factor)


@torch.no_grad()
def scale_head(head: nn.Module, factor: float) -> None:
    """Start with a last layer that is so many times larger."""
    if factor != 1.0:
        for parameter in head.parameters():
            parameter.mul_(factor)


@torch.no_grad()
def shift_biases(model: nn.Module, amount: float, ends: str) -> None:
    """Add to the biases whose names end so."""
    if amount:
        for name, parameter in model.named_parameters():
            if name.endswith(ends):
                parameter.add_(amount)


def scale_outputs(model: nn.Module, factor: float) -> None:
    """Multiply whatever the model gives."""
    if factor != 1.0:
        model.register_forward_hook(lambda _module, _inputs, output: output * factor)


def remove_norms(model: nn.Module) -> None:
    """Replace every normalisation by nothing."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.LayerNorm | nn.GroupNorm | FastRMSNorm):
                setattr(parent, name, nn.Identity())
