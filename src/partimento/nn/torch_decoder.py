"""A decoder step in plain PyTorch over preallocated keys and values, on any device.

Shape suffixes: B batch, T new positions, S positions in the cache, D width, H heads, E width of a
head, P pairs of a head, R distances.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from partimento.nn.decoder_plan import DecoderPlan, LayerPlan, MatrixPlan, NormPlan
from partimento.nn.quantised import Precision, TorchMatrix
from partimento.nn.skew import skew

CHUNK = 256
"""Positions of a prompt that go through the layers together: bounds the memory of the scores."""


def paired(plan: MatrixPlan, heads: int) -> MatrixPlan:
    """Rows of queries and keys reordered so that each rotary pair is side by side.

    Dot products do not change, and the rotation becomes one complex product.
    """
    width = plan.weight.shape[1]
    head = width // heads
    order = torch.arange(head).view(2, head // 2).T.reshape(-1)
    index = (torch.arange(2 * heads)[:, None] * head + order).reshape(-1)
    index = torch.cat([index, torch.arange(2 * width, 3 * width)]).to(plan.weight.device)
    return MatrixPlan(plan.weight[index], None if plan.bias is None else plan.bias[index])


class TorchLayer:
    """One block and its cache (B * H, S, E).

    On a CPU the cache is fp32: PyTorch's products of one vector are slower in bf16.
    """

    def __init__(
        self, layer: LayerPlan, plan: DecoderPlan, batch: int, capacity: int, precision: Precision
    ) -> None:
        qkv = paired(layer.qkv, plan.heads) if plan.cos_TE is not None else layer.qkv
        self.qkv = TorchMatrix(qkv.weight, qkv.bias, precision)
        self.out = TorchMatrix(layer.out.weight, layer.out.bias, precision)
        self.up = TorchMatrix(layer.up.weight, layer.up.bias, precision)
        self.down = TorchMatrix(layer.down.weight, layer.down.bias, precision)
        self.attention_norm = TorchNorm(layer.attention_norm)
        self.feedforward_norm = TorchNorm(layer.feedforward_norm)
        narrow = precision != "fp32" and plan.device.type != "cpu"
        self.keys, self.values = (
            torch.zeros(
                batch * plan.heads,
                capacity,
                plan.head_width,
                dtype=torch.bfloat16 if narrow else torch.float32,
                device=plan.device,
            )
            for _ in range(2)
        )
        self.distance_ER: Tensor | None = None
        if layer.distance_RE is not None:
            # Farthest first, as the skew wants them.
            table = layer.distance_RE[:capacity].flip(0).T.contiguous()
            self.distance_ER = table.to(self.keys.dtype)


class TorchDecoder:
    """All layers, position by position or a prompt at once."""

    def __init__(self, plan: DecoderPlan, batch: int, capacity: int, precision: Precision) -> None:
        self.plan, self.batch, self.capacity = plan, batch, capacity
        self.layers = [TorchLayer(x, plan, batch, capacity, precision) for x in plan.layers]
        self.norm = TorchNorm(plan.norm)
        self.turns_TP: Tensor | None = None
        if plan.cos_TE is not None and plan.sin_TE is not None:
            half = plan.head_width // 2
            self.turns_TP = torch.complex(plan.cos_TE[:, :half], plan.sin_TE[:, :half])

    def step(self, x_BD: Tensor, position: int) -> Tensor:
        """One position of every row."""
        return self._run(x_BD[:, None], position, None)[:, 0]

    def prefill(self, x_BTD: Tensor, position: int) -> Tensor:
        """Positions ``position``... of the first B rows."""
        parts = []
        for start in range(0, x_BTD.shape[1], CHUNK):
            part = x_BTD[:, start : start + CHUNK]
            first, count = position + start, part.shape[1]
            seen = torch.ones(count, first + count, dtype=torch.bool, device=part.device)
            parts.append(self._run(part, first, ~seen.tril(first)))
        return torch.cat(parts, 1)

    def spread(self) -> None:
        """Give every sequence the cache of the first."""
        for layer in self.layers:
            for cache in (layer.keys, layer.values):
                rows = cache.view(self.batch, -1, *cache.shape[1:])
                rows[1:] = rows[:1]

    def _run(self, x_BTD: Tensor, start: int, hidden_TS: Tensor | None) -> Tensor:
        post = self.plan.post_norm
        for layer in self.layers:
            normed = x_BTD if post else layer.attention_norm(x_BTD)
            x_BTD = x_BTD + self._attention(layer, normed, start, hidden_TS)
            if post:
                x_BTD = layer.attention_norm(x_BTD)
            normed = x_BTD if post else layer.feedforward_norm(x_BTD)
            x_BTD = x_BTD + layer.down(activate(self.plan.activation, layer.up(normed)))
            if post:
                x_BTD = layer.feedforward_norm(x_BTD)
        return self.norm(x_BTD)

    def _attention(
        self, layer: TorchLayer, x_BTD: Tensor, start: int, hidden_TS: Tensor | None
    ) -> Tensor:
        B, T, D = x_BTD.shape
        H, E, S = self.plan.heads, self.plan.head_width, start + T
        turns = None if self.turns_TP is None else self.turns_TP[start:S]
        q, k, v = split_heads(layer.qkv(x_BTD), H, turns)
        keys, values = layer.keys[: B * H, :S], layer.values[: B * H, :S]
        keys[:, start:] = k
        values[:, start:] = v
        q = (q * self.plan.score_scale).to(keys.dtype)
        # For one position this order of the product is the fast one.
        scores = torch.bmm(keys, q.transpose(1, 2)).transpose(1, 2)
        if layer.distance_ER is not None:
            scores = scores + skew(q @ layer.distance_ER[:, -S:])
        if hidden_TS is not None:
            scores = scores.masked_fill(hidden_TS, -torch.inf)
        mixed = torch.bmm(scores.float().softmax(-1).to(values.dtype), values)
        return layer.out(mixed.view(B, H, T, E).transpose(1, 2).reshape(B, T, D).float())


def split_heads(
    qkv_BTD: Tensor, heads: int, turns_TP: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values (B * H, T, E) of the joint product, the former two turned."""
    B, T, wide = qkv_BTD.shape
    E = wide // (3 * heads)
    parts = qkv_BTD.view(B, T, 3 * heads, E)
    turned, v = parts[:, :, : 2 * heads], parts[:, :, 2 * heads :]
    if turns_TP is not None:
        pairs = torch.view_as_complex(turned.reshape(B, T, 2 * heads, E // 2, 2))
        turned = torch.view_as_real(pairs * turns_TP[:, None]).view(B, T, 2 * heads, E)
    q, k = turned[:, :, :heads], turned[:, :, heads:]
    if T == 1:
        return tuple(x.reshape(B * heads, 1, E) for x in (q, k, v))  # type: ignore[return-value]
    return tuple(  # type: ignore[return-value]
        x.transpose(1, 2).reshape(B * heads, T, E) for x in (q, k, v)
    )


class TorchNorm:
    """Layer or RMS normalisation of the last dimension.

    On a CPU PyTorch composes the RMS norm of eight operations, while layer norm is one.  The
    numbers x and -x together have mean 0 and the mean square of x: layer norm of the pair it is.
    """

    def __init__(self, norm: NormPlan) -> None:
        self.norm = norm
        self.doubled = norm.weight
        if norm.kind == "rms" and norm.weight is not None:
            self.doubled = torch.cat([norm.weight, norm.weight])

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise."""
        norm, size = self.norm, x.shape[-1:]
        if norm.kind == "layer":
            return F.layer_norm(x, size, norm.weight, norm.bias, norm.eps)
        if norm.kind == "none":
            return x
        if x.is_cuda:
            return F.rms_norm(x, size, norm.weight, norm.eps)
        pair = torch.cat([x, -x], -1)
        return F.layer_norm(pair, pair.shape[-1:], self.doubled, None, norm.eps)[..., : size[0]]


def activate(kind: str, x: Tensor) -> Tensor:
    """The feed-forward's middle: ReLU, exact GELU, or silu of the first half times the second."""
    if kind == "swiglu":
        half = x.shape[-1] // 2
        return F.silu(x[..., :half]).mul_(x[..., half:])
    return F.relu(x) if kind == "relu" else F.gelu(x)
