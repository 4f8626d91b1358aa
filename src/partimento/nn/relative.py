"""Attention that knows distances: rotary angles and a learned bias.

Shape suffixes: B batch, H heads, T queries, E width of a head, D width, R distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partimento.nn import tap


def rotary_angles(frames: int, half: int) -> Tensor:
    """(frames, half, 2): cosine and sine of t * 10000^(-i / half)."""
    freq = 10000.0 ** (-torch.arange(half) / half)
    angle = torch.arange(frames)[:, None] * freq[None, :]
    return torch.stack([angle.cos(), angle.sin()], -1)


class RelativeAttention(nn.Module):
    """Multi-head attention over frames with rotary angles and a learned bias per distance."""

    def __init__(self, width: int, heads: int, max_frames: int, causal: bool):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.max_frames = max_frames
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        size = max_frames if causal else 2 * max_frames - 1
        self.bias_HR = nn.Parameter(torch.zeros(heads, size))
        self.angles: Tensor
        angles = rotary_angles(max_frames, width // heads // 2)
        self.register_buffer("angles", angles, persistent=False)

    def rotate(self, x_BHTE: Tensor) -> Tensor:
        """Rotary position embedding (Su et al. 2021)."""
        half = x_BHTE.shape[-1] // 2
        frames = x_BHTE.shape[-2]
        if frames > len(self.angles):
            self.angles = rotary_angles(2 * frames, half).to(x_BHTE.device)
        cos, sin = self.angles[:frames].to(x_BHTE.dtype).unbind(-1)
        a, b = x_BHTE[..., :half], x_BHTE[..., half : 2 * half]
        return torch.cat([a * cos - b * sin, a * sin + b * cos, x_BHTE[..., 2 * half :]], -1)

    def bias(self, frames: int, reach: int | None = None) -> Tensor:
        """Additive bias (H, queries, keys) by distance; very low where a causal query may not look.

        ``reach`` is the longest distance in frames that may be seen (None: no limit).
        """
        t = torch.arange(frames, device=self.bias_HR.device)
        distance = t[:, None] - t[None, :]
        limit = self.max_frames - 1
        if not self.causal:
            return self.bias_HR[:, distance.clamp(-limit, limit) + limit]
        bias = self.bias_HR[:, distance.clamp(0, limit)]
        hidden = distance < 0 if reach is None else (distance < 0) | (distance > reach)
        return bias.masked_fill(hidden, -1e9)

    def forward(
        self, x_BTD: Tensor, mask_BT: Tensor | None = None, reach: int | None = None
    ) -> Tensor:
        """Attend over all frames; ``mask_BT`` is false on padding."""
        B, T, D = x_BTD.shape
        q, k, v = self.qkv(x_BTD).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = self.rotate(q), self.rotate(k)
        bias = self.bias(T, reach)[None].to(q.dtype)
        if mask_BT is not None:
            bias = bias.masked_fill(~mask_BT[:, None, None, :], -1e9)
        # Plain softmax attention: on CPUs it is faster than the fused kernel, which cannot give a
        # gradient to the bias; dropout stays on the residual branches only.
        weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias, -1)
        tap.record("self_attention" if self.causal else "given_attention", weights)
        y = weights @ v
        return self.out(y.transpose(1, 2).reshape(B, T, D))

    def cache(self, batch: int, frames: int) -> KeyValueCache:
        """Room for the keys and values of ``frames`` frames."""
        return KeyValueCache.empty(self, batch, frames)

    def step(self, x_BTD: Tensor, cache: KeyValueCache, t: int) -> Tensor:
        """:meth:`forward` for the one frame ``t`` (B, 1, D), writing to the cache in place.

        The same numbers with half the calls; causal attention only.
        """
        B, _, D = x_BTD.shape
        qkv = F.linear(x_BTD, self.qkv.weight).view(B, 3, self.heads, -1)
        half = qkv.shape[-1] // 2
        cos, sin = cache.angles[t, :, 0], cache.angles[t, :, 1]
        a, b = qkv[:, :2, :, :half], qkv[:, :2, :, half:]
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
        cache.keys[:, :, t] = turned[:, 1]
        cache.values[:, :, t] = qkv[:, 2]
        keys, values = cache.keys[:, :, : t + 1], cache.values[:, :, : t + 1]
        scores = (keys @ turned[:, 0, :, :, None])[..., 0] * qkv.shape[-1] ** -0.5
        weights = torch.softmax(scores + cache.bias[:, -t - 1 :], -1)
        return F.linear((weights[:, :, None] @ values).view(B, 1, D), self.out.weight)


@dataclass
class KeyValueCache:
    """Rotated keys and values (B, H, T, E) of one layer, and what depends on the frame alone."""

    keys: Tensor
    values: Tensor
    angles: Tensor
    bias: Tensor

    @classmethod
    def empty(cls, layer: RelativeAttention, batch: int, frames: int) -> KeyValueCache:
        """A cache for a causal layer; ``bias`` holds distances frames - 1 down to 0."""
        width = layer.out.in_features // layer.heads
        keys = torch.empty(batch, layer.heads, frames, width, device=layer.bias_HR.device)
        distance = torch.arange(frames - 1, -1, -1, device=keys.device)
        bias = layer.bias_HR[:, distance.clamp(max=layer.max_frames - 1)]
        return cls(keys, torch.empty_like(keys), rotary_angles(frames, width // 2).to(keys), bias)
