"""A decoder step of fixed shapes, captured once as a CUDA graph and replayed.

Shape suffixes: B batch, T positions, S positions in the cache, D width, H heads, E width of a head.

A graph cannot change its shapes, so a step attends over a whole bucket of positions with a mask;
buckets double, so that short pieces do not pay for the full capacity.  Without a GPU, or where the
capture fails, the same steps run one operation at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from partimento.nn.decoder_plan import DecoderPlan
from partimento.nn.quantised import Precision
from partimento.nn.torch_decoder import (
    TorchDecoder,
    TorchLayer,
    activate,
    split_heads,
)

SMALLEST_BUCKET = 128
WARM_UP = 3


def buckets(capacity: int) -> list[int]:
    """Cache lengths with a graph of their own: 128, 256, ... and the capacity."""
    sizes = []
    size = SMALLEST_BUCKET
    while size < capacity:
        sizes.append(size)
        size *= 2
    return [*sizes, capacity]


class GraphDecoder(TorchDecoder):
    """:class:`TorchDecoder` whose single steps have fixed shapes; prompts run as there."""

    def __init__(self, plan: DecoderPlan, batch: int, capacity: int, precision: Precision) -> None:
        super().__init__(plan, batch, capacity, precision)
        device = plan.device
        self._x_BTD = torch.zeros(batch, 1, plan.width, device=device)
        self._position_1 = torch.zeros(1, dtype=torch.long, device=device)
        self._every_S = torch.arange(capacity, device=device)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self.captured = False
        if device.type == "cuda":
            self.captured = self._capture_all()

    def step(self, x_BD: Tensor, position: int) -> Tensor:
        """One position of every row."""
        self._x_BTD[:, 0] = x_BD
        self._position_1.fill_(position)
        size = next(s for s in buckets(self.capacity) if s > position)
        if not self.captured:
            return self.fixed_step(size)[:, 0]
        graph, output = self._graphs[size]
        graph.replay()
        return output[:, 0].clone()

    def _capture_all(self) -> bool:
        """Whether all buckets were captured; the cache's first position is overwritten."""
        try:
            for size in buckets(self.capacity):
                self._graphs[size] = self._capture(size)
        except RuntimeError:
            self._graphs.clear()
            return False
        return True

    @torch.inference_mode()
    def _capture(self, size: int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self.fixed_step(size)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = self.fixed_step(size)
        return graph, output

    def fixed_step(self, size: int) -> Tensor:
        """Hidden states (B, 1, D) of the input and position in the buffers, cache cut to ``size``.

        No shape and no Python branch depends on the position.
        """
        x = self._x_BTD
        post = self.plan.post_norm
        hidden_S = self._every_S[:size] > self._position_1
        for layer in self.layers:
            normed = x if post else layer.attention_norm(x)
            x = x + self._fixed_attention(layer, normed, size, hidden_S)
            if post:
                x = layer.attention_norm(x)
            normed = x if post else layer.feedforward_norm(x)
            x = x + layer.down(activate(self.plan.activation, layer.up(normed)))
            if post:
                x = layer.feedforward_norm(x)
        return self.norm(x)

    def _fixed_attention(
        self, layer: TorchLayer, x_BTD: Tensor, size: int, hidden_S: Tensor
    ) -> Tensor:
        B, T, D = x_BTD.shape
        H, E = self.plan.heads, self.plan.head_width
        turns = None if self.turns_TP is None else self.turns_TP.index_select(0, self._position_1)
        q, k, v = split_heads(layer.qkv(x_BTD), H, turns)
        layer.keys.index_copy_(1, self._position_1, k.to(layer.keys.dtype))
        layer.values.index_copy_(1, self._position_1, v.to(layer.values.dtype))
        q = (q * self.plan.score_scale).to(layer.keys.dtype)
        scores = torch.bmm(q, layer.keys[:, :size].transpose(1, 2))
        if layer.distance_ER is not None:
            distance = (self._position_1 - self._every_S[:size]).clamp_min(0)
            columns = layer.distance_ER.shape[1] - 1 - distance
            scores = scores + q @ layer.distance_ER.index_select(1, columns)
        weights = scores.float().masked_fill(hidden_S, -torch.inf).softmax(-1)
        mixed = torch.bmm(weights.to(layer.values.dtype), layer.values[:, :size])
        return layer.out(mixed.view(B, H, T, E).transpose(1, 2).reshape(B, T, D).float())
